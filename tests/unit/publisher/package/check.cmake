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

file(REMOVE_RECURSE ${WORK_DIR}/build)
execute_process(COMMAND ${configure} -D CMAKE_DISABLE_FIND_PACKAGE_cppzmq=ON
  OUTPUT_QUIET ERROR_VARIABLE said RESULT_VARIABLE failed)
string(REGEX REPLACE "[ \n]+" " " said "${said}")
if(NOT failed OR NOT said MATCHES "ppo_publisher needs cppzmq .on Debian: apt install cppzmq-dev")
  message(FATAL_ERROR "without cppzmq find_package says: ${said}")
endif()
