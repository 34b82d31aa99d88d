# Compiler settings and the two functions every folder uses: warden_library() and warden_test().
include(CTest)
include(GNUInstallDirs)

set(CMAKE_CXX_STANDARD 23)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_C_STANDARD 17)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/bin")

option(WARDEN_HARDEN "exploit mitigations of a shipped build" OFF)
option(WARDEN_FUZZ "build libFuzzer targets (needs clang)" OFF)
set(WARDEN_SANITIZE "" CACHE STRING "comma-separated sanitizers, such as address,undefined")

# g++ 12 builds as fast as the disk with ccache; a machine without it only builds slower.
find_program(CCACHE ccache)
if(CCACHE)
  # Paths are told relative to the checkout, so that a second clone or worktree finds what the first one built.
  set(CMAKE_CXX_COMPILER_LAUNCHER env CCACHE_BASEDIR=${CMAKE_SOURCE_DIR} CCACHE_NOHASHDIR=1 ${CCACHE})
  set(CMAKE_C_COMPILER_LAUNCHER ${CMAKE_CXX_COMPILER_LAUNCHER})
endif()

add_library(warden_options INTERFACE)
target_include_directories(warden_options INTERFACE "${CMAKE_SOURCE_DIR}" "${CMAKE_BINARY_DIR}/generated")
target_compile_options(warden_options INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual -Wnull-dereference -Werror
  $<$<CXX_COMPILER_ID:GNU>:-Wno-null-dereference>
  # g++ 12 mistakes the coroutine frame's own operator delete for a foreign one.
  $<$<CXX_COMPILER_ID:GNU>:-Wno-mismatched-new-delete>
  # libstdc++ 12 uses in its own headers what clang 19 knows to be deprecated.
  $<$<CXX_COMPILER_ID:Clang>:-Wno-deprecated-declarations> $<$<CONFIG:Debug>:-g1>)
set(CMAKE_CXX_FLAGS_DEBUG "-O1")
set(CMAKE_C_FLAGS_DEBUG "-O1")
set(CMAKE_CXX_FLAGS_RELEASE "-O2 -DNDEBUG")
set(CMAKE_C_FLAGS_RELEASE "-O2 -DNDEBUG")

if(WARDEN_SANITIZE)
  add_compile_options(-fsanitize=${WARDEN_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${WARDEN_SANITIZE})
  if(WARDEN_SANITIZE MATCHES thread)
    add_compile_options($<$<CXX_COMPILER_ID:GNU>:-Wno-tsan>)  # fences within Asio, which g++ cannot instrument
  endif()
endif()
if(WARDEN_HARDEN)
  add_compile_options(-D_FORTIFY_SOURCE=2 -fstack-protector-strong -fstack-clash-protection -fcf-protection)
  add_link_options(-Wl,-z,relro,-z,now,-z,noexecstack -pie)
endif()
if(WARDEN_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()

# warden_library(NAME tls SOURCES a.cc b.cc DEPS warden_base OpenSSL::SSL [PRIVATE_DEPS ...])
function(warden_library)
  cmake_parse_arguments(ARG "" "NAME" "SOURCES;DEPS;PRIVATE_DEPS" ${ARGN})
  add_library(warden_${ARG_NAME} STATIC ${ARG_SOURCES})
  target_link_libraries(warden_${ARG_NAME} PUBLIC warden_options ${ARG_DEPS} PRIVATE ${ARG_PRIVATE_DEPS})
endfunction()

# warden_test(NAME tls SOURCES a_test.cc DEPS warden_tls): one GoogleTest program, registered case by case.
function(warden_test)
  cmake_parse_arguments(ARG "" "NAME" "SOURCES;DEPS" ${ARGN})
  find_package(GTest REQUIRED)
  include(GoogleTest)
  add_executable(unit_${ARG_NAME} ${ARG_SOURCES})
  target_link_libraries(unit_${ARG_NAME} PRIVATE warden_options ${ARG_DEPS} GTest::gtest GTest::gmock GTest::gtest_main)
  target_compile_definitions(unit_${ARG_NAME} PRIVATE WARDEN_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
  gtest_discover_tests(unit_${ARG_NAME} DISCOVERY_MODE PRE_TEST PROPERTIES LABELS unit)
endfunction()

# warden_fuzz(NAME client_hello SOURCES client_hello_fuzz.cc DEPS warden_tls): only under the fuzz preset.
function(warden_fuzz)
  cmake_parse_arguments(ARG "" "NAME" "SOURCES;DEPS" ${ARGN})
  if(WARDEN_FUZZ)
    add_executable(fuzz_${ARG_NAME} ${ARG_SOURCES})
    target_link_libraries(fuzz_${ARG_NAME} PRIVATE warden_options ${ARG_DEPS} -fsanitize=fuzzer)
  endif()
endfunction()

find_package(OpenSSL REQUIRED)
find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)
