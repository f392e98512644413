# cmake -D NPM=... -D NODE=... -D WEB=<clients/web> -D OUT=<build folder> -P build_page.cmake
#
# Builds the page and writes OUT/page_files.cpp. Without a registry there is no page, a warning, and
# still a bridge; the next build tries again. An error in the page itself fails the build.
file(MAKE_DIRECTORY ${OUT})
set(source ${OUT}/page_files.cpp)
file(REMOVE ${OUT}/page.stamp)

# Several build folders share what is installed.
file(LOCK ${WEB}/node_modules.lock TIMEOUT 300 RESULT_VARIABLE ignored)
file(SHA256 ${WEB}/package-lock.json wanted)
set(stamp ${WEB}/node_modules/.installed)
set(installed "")
if(EXISTS ${stamp})
  file(READ ${stamp} installed)
endif()
if(NOT installed STREQUAL wanted)
  execute_process(COMMAND ${NPM} ci --ignore-scripts --no-audit --no-fund --prefer-offline
                          --fetch-retries=2 --fetch-retry-mintimeout=1000 --loglevel=error
                  WORKING_DIRECTORY ${WEB} RESULT_VARIABLE failed
                  OUTPUT_VARIABLE output ERROR_VARIABLE output TIMEOUT 300)
  if(failed)
    message("\nwarning: npm could not install what the dashboard is built with, so this bridge has "
            "no dashboard. The next build tries again.\n${output}\n")
    configure_file(${WEB}/tools/no_page.cpp ${source} COPYONLY)
    return()
  endif()
  file(WRITE ${stamp} ${wanted})
endif()

execute_process(COMMAND ${NODE} node_modules/vite/bin/vite.js build --logLevel warn
                        --outDir ${OUT}/dist --emptyOutDir
                WORKING_DIRECTORY ${WEB} RESULT_VARIABLE failed)
if(failed)
  message(FATAL_ERROR "the dashboard does not build")
endif()
execute_process(COMMAND ${NODE} tools/embed.mjs ${OUT}/dist ${source}
                WORKING_DIRECTORY ${WEB} RESULT_VARIABLE failed)
if(failed)
  message(FATAL_ERROR "the dashboard cannot be embedded")
endif()
file(TOUCH ${OUT}/page.stamp)
