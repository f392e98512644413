# Does what README says: installs into an empty prefix, as much as is built, builds a program of a
# few lines against that, and runs it. Then once more without ZeroMQ, which must be named.
file(REMOVE_RECURSE ${WORK_DIR})
set(prefix ${WORK_DIR}/prefix)
execute_process(
  COMMAND ${CMAKE_COMMAND} --install ${BUILD_DIR} --prefix ${prefix}
  OUTPUT_QUIET COMMAND_ERROR_IS_FATAL ANY)
set(flags "")
if(SANITIZE STREQUAL "address")
  set(flags -fsanitize=address,undefined)
elseif(SANITIZE STREQUAL "thread")
  set(flags -fsanitize=thread)
endif()
set(configure ${CMAKE_COMMAND} -S ${CONSUMER_DIR} -B ${WORK_DIR}/build -G ${GENERATOR}
  -D CMAKE_CXX_COMPILER=${CXX_COMPILER} -D CMAKE_PREFIX_PATH=${prefix}
  -D CMAKE_CXX_FLAGS=${flags})
execute_process(COMMAND ${configure} OUTPUT_QUIET COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND ${CMAKE_COMMAND} --build ${WORK_DIR}/build
  COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND ${WORK_DIR}/build/consumer COMMAND_ERROR_IS_FATAL ANY)

# The same with nothing but a compiler and pkg-config.
file(GLOB_RECURSE pc ${prefix}/*.pc)
get_filename_component(folder ${pc} DIRECTORY)
set(ENV{PKG_CONFIG_PATH} ${folder})
execute_process(COMMAND pkg-config --cflags --libs ppo_publisher
  OUTPUT_VARIABLE said OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
separate_arguments(said UNIX_COMMAND "${said}")
execute_process(COMMAND ${CXX_COMPILER} -std=c++20 -Wall -Wextra -Wpedantic -Werror ${flags}
                        ${CONSUMER_DIR}/consumer.cpp -o ${WORK_DIR}/by_pkg_config ${said} COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND ${WORK_DIR}/by_pkg_config COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND pkg-config --modversion ppo_publisher OUTPUT_VARIABLE version
  OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
if(NOT version STREQUAL VERSION)
  message(FATAL_ERROR "pkg-config says version ${version}; must be ${VERSION}")
endif()

# Whoever links it into a library of his own must not show others what is inside: RapidJSON, ZeroMQ's C++.
file(GLOB_RECURSE library ${prefix}/*libppo_publisher.a)
execute_process(COMMAND readelf --syms --wide ${library} OUTPUT_VARIABLE symbols COMMAND_ERROR_IS_FATAL ANY)
string(REGEX MATCHALL "(GLOBAL|WEAK) +DEFAULT +[0-9]+ [^\n]*(rapidjson|zmq|N3ppo)[^\n]*" shown "${symbols}")
list(FILTER shown EXCLUDE REGEX " zmq_[a-z_]+$")  # the C library's, which it needs
if(shown)
  list(GET shown 0 first)
  message(FATAL_ERROR "a symbol that is not hidden: ${first}")
endif()

file(REMOVE_RECURSE ${WORK_DIR}/build)
execute_process(COMMAND ${configure} -D CMAKE_DISABLE_FIND_PACKAGE_cppzmq=ON
  OUTPUT_QUIET ERROR_VARIABLE said RESULT_VARIABLE failed)
string(REGEX REPLACE "[ \n]+" " " said "${said}")
if(NOT failed OR NOT said MATCHES "ppo_publisher needs cppzmq .on Debian: apt install cppzmq-dev")
  message(FATAL_ERROR "without cppzmq find_package says: ${said}")
endif()
