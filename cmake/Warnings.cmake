# cresset_flags: what every C target of the product is compiled with.
add_library(cresset_flags INTERFACE)
target_compile_options(cresset_flags INTERFACE
  -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wformat=2 -Wwrite-strings
  -Wundef -Wpointer-arith -Wimplicit-fallthrough -fno-common -fno-omit-frame-pointer
  -fstack-protector-strong)
target_include_directories(cresset_flags INTERFACE
  ${CMAKE_SOURCE_DIR} ${CMAKE_SOURCE_DIR}/include ${CMAKE_BINARY_DIR}/generated)
target_compile_definitions(cresset_flags INTERFACE _GNU_SOURCE G_LOG_USE_STRUCTURED GLIB_VERSION_MIN_REQUIRED=GLIB_VERSION_2_74)
if(CRESSET_WERROR)
  target_compile_options(cresset_flags INTERFACE -Werror)
endif()
if(CMAKE_BUILD_TYPE STREQUAL "Release" OR CMAKE_BUILD_TYPE STREQUAL "RelWithDebInfo")
  target_compile_options(cresset_flags INTERFACE -D_FORTIFY_SOURCE=2)
  target_link_options(cresset_flags INTERFACE -Wl,-z,relro,-z,now)
endif()

# cresset_library(NAME DOMAIN SOURCES... [LIBS ...]): a static library of the product.
# DOMAIN is the GLib log domain, shown in every log line.
function(cresset_library name)
  cmake_parse_arguments(A "" "DOMAIN" "SOURCES;LIBS" ${ARGN})
  add_library(${name} STATIC ${A_SOURCES})
  target_link_libraries(${name} PUBLIC cresset_flags ${A_LIBS})
  target_compile_definitions(${name} PRIVATE G_LOG_DOMAIN="${A_DOMAIN}")
endfunction()
