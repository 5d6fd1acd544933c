# CRESSET_REVISION and CRESSET_BRANCH: the commit and branch that this tree is a checkout of; empty in
# a tarball, on a detached HEAD (the branch) and without git. A new commit configures again.
set(CRESSET_REVISION "")
set(CRESSET_BRANCH "")

# cresset_git(<variable> <argument>...): what git says about the tree, or nothing.
function(cresset_git variable)
  execute_process(
    COMMAND ${GIT_EXECUTABLE} -C ${CMAKE_SOURCE_DIR} ${ARGN}
    OUTPUT_VARIABLE answer
    ERROR_QUIET
    OUTPUT_STRIP_TRAILING_WHITESPACE
    RESULT_VARIABLE status)
  if(NOT status EQUAL 0)
    set(answer "")
  endif()
  set(${variable} "${answer}" PARENT_SCOPE)
endfunction()

find_package(Git QUIET)
if(GIT_FOUND)
  cresset_git(top rev-parse --show-toplevel)
  # An unpacked tarball may lie in the repository of something else.
  if(top STREQUAL CMAKE_SOURCE_DIR)
    cresset_git(revision rev-parse --short=12 HEAD)
    cresset_git(branch symbolic-ref --short -q HEAD)
    if(revision MATCHES "^[0-9a-f]+$")
      set(CRESSET_REVISION ${revision})
    endif()
    # Branches may be called nearly anything; what would need quoting in C or in a metric is left out.
    if(branch MATCHES "^[A-Za-z0-9._/+-]+$")
      set(CRESSET_BRANCH ${branch})
    endif()
    cresset_git(log rev-parse --path-format=absolute --git-path logs/HEAD)
    if(EXISTS "${log}")
      set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${log}")
    endif()
  endif()
endif()
