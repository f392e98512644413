// A program that a command ends from within its handler: exit_in_handler CONTROL library|polled.
#include <ppo_publisher/publisher.h>

#include <chrono>
#include <cstdlib>
#include <string_view>

#include "fake_control.h"

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  const bool library = std::string_view(argv[2]) == "library";
  static ppo::Publisher publisher(ppo::test::options_for(argv[1]));
  const auto quit = [](const ppo::Command&) -> ppo::CommandResult { std::exit(7); };
  const auto thread = library ? ppo::CommandThread::kLibrary : ppo::CommandThread::kPolled;
  if (!publisher.on_command("quit", quit, thread)) return 3;
  for (;;) publisher.wait_commands(std::chrono::milliseconds(100));
}
