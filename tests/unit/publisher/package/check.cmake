# Installs the publisher alone into an empty prefix, builds a program against that, and runs it.
file(REMOVE_RECURSE ${WORK_DIR})
set(prefix ${WORK_DIR}/prefix)
execute_process(
  COMMAND ${CMAKE_COMMAND} --install ${BUILD_DIR} --prefix ${prefix} --component ppo_publisher
  OUTPUT_QUIET COMMAND_ERROR_IS_FATAL ANY)
set(flags "")
if(SANITIZE STREQUAL "address")
  set(flags -fsanitize=address,undefined)
elseif(SANITIZE STREQUAL "thread")
  set(flags -fsanitize=thread)
endif()
execute_process(
  COMMAND ${CMAKE_COMMAND} -S ${CONSUMER_DIR} -B ${WORK_DIR}/build -G ${GENERATOR}
    -D CMAKE_CXX_COMPILER=${CXX_COMPILER} -D CMAKE_PREFIX_PATH=${prefix}
    -D CMAKE_CXX_FLAGS=${flags}
  OUTPUT_QUIET COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND ${CMAKE_COMMAND} --build ${WORK_DIR}/build
  COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND ${WORK_DIR}/build/consumer COMMAND_ERROR_IS_FATAL ANY)
