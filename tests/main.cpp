// The main of all test programs.
#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>

#include <csignal>
#include <cstdlib>
#include <ctime>

int main(int argc, char** argv) {
  // Times are printed as local ones; what tests expect holds for this zone.
  setenv("TZ", "UTC", 1);
  tzset();
  std::signal(SIGPIPE, SIG_IGN);
  doctest::Context context(argc, argv);
  return context.run();
}
