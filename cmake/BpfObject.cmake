# BPF programs: clang compiles, bpftool links and writes the skeleton header.
find_program(CLANG_BPF NAMES clang-14 clang REQUIRED)
find_program(BPFTOOL bpftool PATHS /usr/sbin /sbin REQUIRED)

# cresset_bpf(NAME SOURCE): an interface target NAME_skel that provides "NAME.skel.h".
function(cresset_bpf name source)
  set(dir ${CMAKE_BINARY_DIR}/generated/bpf)
  file(MAKE_DIRECTORY ${dir})
  execute_process(COMMAND ${CMAKE_C_COMPILER} -print-multiarch OUTPUT_VARIABLE multiarch OUTPUT_STRIP_TRAILING_WHITESPACE)
  add_custom_command(OUTPUT ${dir}/${name}.skel.h
    COMMAND ${CLANG_BPF} -target bpf -mcpu=v3 -O2 -g -Wall -Werror -Wno-unused-function -D__bpf__ -D__TARGET_ARCH_x86
      -I${CMAKE_SOURCE_DIR} -I${CMAKE_SOURCE_DIR}/include -idirafter /usr/include/${multiarch}
      -MD -MF ${dir}/${name}.d -MT ${dir}/${name}.skel.h
      -c ${CMAKE_CURRENT_SOURCE_DIR}/${source} -o ${dir}/${name}.one.o
    COMMAND ${BPFTOOL} gen object ${dir}/${name}.o ${dir}/${name}.one.o
    COMMAND ${BPFTOOL} gen skeleton ${dir}/${name}.o name ${name}_bpf > ${dir}/${name}.skel.h
    DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${source}
    DEPFILE ${dir}/${name}.d
    COMMENT "BPF ${name}" VERBATIM)
  add_custom_target(${name}_skel_header DEPENDS ${dir}/${name}.skel.h)
  add_library(${name}_skel INTERFACE)
  add_dependencies(${name}_skel ${name}_skel_header)
  target_include_directories(${name}_skel SYSTEM INTERFACE ${dir})
  target_link_libraries(${name}_skel INTERFACE PkgConfig::BPF)
endfunction()
