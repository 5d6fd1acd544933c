# Tests are declared beside the code they test; their sources mirror the tree under tests/unit.

# cresset_test(NAME SOURCES... [LIBS ...] [LABELS ...] [TIMEOUT seconds] [ENV K=V ...]): one cmocka program.
# Exit code 77 means skipped, with the reason printed. In CI the harness turns a skip into a failure.
function(cresset_test name)
  cmake_parse_arguments(A "" "TIMEOUT" "SOURCES;LIBS;LABELS;ENV" ${ARGN})
  if(NOT A_LABELS)
    set(A_LABELS unit)
  endif()
  if(NOT A_TIMEOUT)
    set(A_TIMEOUT 300) # ends what hangs; a busy machine is slow, not wrong
  endif()
  add_executable(${name} ${A_SOURCES})
  target_link_libraries(${name} PRIVATE cresset_flags ${A_LIBS} PkgConfig::CMOCKA PkgConfig::GLIB)
  target_compile_definitions(${name} PRIVATE CRESSET_SOURCE_DIR="${CMAKE_SOURCE_DIR}"
    CRESSET_BINARY_DIR="${CMAKE_BINARY_DIR}")
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
  if(CRESSET_SANITIZE MATCHES "thread")
    list(APPEND A_ENV ${cresset_tsan_env})
  endif()
  add_test(NAME ${name} COMMAND ${name})
  set_tests_properties(${name} PROPERTIES SKIP_RETURN_CODE 77 TIMEOUT ${A_TIMEOUT} LABELS "${A_LABELS}"
    ENVIRONMENT "${A_ENV}")
  # BPF programs, kernel limits and CPU time are shared by the whole machine: one such test at a time.
  if("privileged" IN_LIST A_LABELS)
    set_tests_properties(${name} PROPERTIES RESOURCE_LOCK privileged)
  endif()
endfunction()

# GLib's own allocator hides who owns memory; the suppressions say why each of them is no race.
set(cresset_tsan_env G_SLICE=always-malloc
  TSAN_OPTIONS=suppressions=${CMAKE_SOURCE_DIR}/tests/harness/tsan.supp)

# Builds every fuzz program.
add_custom_target(fuzzers)

# cresset_fuzz(NOUN LIBS ...): tests/fuzz/NOUN_fuzz.c with LLVMFuzzerTestOneInput.
# With CRESSET_FUZZ it is a libFuzzer program; otherwise the same file is linked with a main that
# replays the corpus tests/fuzz/corpus/NOUN, and that replay is a ctest.
function(cresset_fuzz noun)
  cmake_parse_arguments(A "" "" "LIBS" ${ARGN})
  set(name ${noun}_fuzz)
  set(corpus ${CMAKE_SOURCE_DIR}/tests/fuzz/corpus/${noun})
  set(sources ${CMAKE_SOURCE_DIR}/tests/fuzz/${name}.c ${CMAKE_SOURCE_DIR}/tests/fuzz/fatal_criticals.c)
  if(CRESSET_FUZZ)
    add_executable(${name} ${sources})
    target_link_options(${name} PRIVATE -fsanitize=fuzzer)
  else()
    add_executable(${name} ${sources} ${CMAKE_SOURCE_DIR}/tests/fuzz/replay.c)
    add_test(NAME ${name} COMMAND ${name} ${corpus})
    set_tests_properties(${name} PROPERTIES LABELS "fuzz" TIMEOUT 120)
  endif()
  target_link_libraries(${name} PRIVATE cresset_flags ${A_LIBS} PkgConfig::GLIB)
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/fuzz)
  add_dependencies(fuzzers ${name})
endfunction()

# cresset_script_test(NAME SCRIPT path [ARGS ...] [LABELS ...] [TIMEOUT seconds] [LOCK name]): a Python
# test of the real programs in bin/; the same exit codes as a cmocka test.
function(cresset_script_test name)
  cmake_parse_arguments(A "" "SCRIPT;TIMEOUT;LOCK" "ARGS;LABELS" ${ARGN})
  find_package(Python3 REQUIRED COMPONENTS Interpreter)
  add_test(NAME ${name} COMMAND ${Python3_EXECUTABLE} -B ${A_SCRIPT} --bin ${CMAKE_BINARY_DIR}/bin ${A_ARGS})
  set_tests_properties(${name} PROPERTIES SKIP_RETURN_CODE 77 TIMEOUT ${A_TIMEOUT} LABELS "${A_LABELS}")
  if(CRESSET_SANITIZE MATCHES "thread")
    set_tests_properties(${name} PROPERTIES ENVIRONMENT "${cresset_tsan_env}")
  endif()
  if(A_LOCK)
    set_tests_properties(${name} PROPERTIES RESOURCE_LOCK ${A_LOCK})
  endif()
endfunction()
