// ppo-bot: trades through a PPO bridge over ZeroMQ. Puts the parts together and does nothing else.

#include <csignal>
#include <cstdio>
#include <exception>
#include <variant>

#include "ppo-bot/bot.h"
#include "ppo-bot/diary.h"
#include "ppo-bot/options.h"

namespace {

// A signal handler can reach nothing but globals.
volatile std::sig_atomic_t stop_signal = 0;

void catch_stop_signals() {
  struct sigaction action {};
  action.sa_handler = [](int) { stop_signal = 1; };
  sigemptyset(&action.sa_mask);
  action.sa_flags = static_cast<int>(SA_RESETHAND);  // a second one ends it the hard way
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
  std::signal(SIGPIPE, SIG_IGN);  // orders are taken back also where nobody reads any more
}

}  // namespace

int main(int argc, char** argv) {
  try {
    const auto parsed = bot::parse_options(argc, argv);
    if (const auto* leave = std::get_if<bot::Leave>(&parsed)) {
      std::fputs(leave->text.c_str(), leave->code == bot::kExitOk ? stdout : stderr);
      return leave->code;
    }
    const auto& options = std::get<bot::Options>(parsed);
    catch_stop_signals();
    bot::Diary diary(stdout, options.json);
    bot::Bot bot(options.bot, diary, [] { return stop_signal != 0 || std::ferror(stdout) != 0; });
    return bot.run();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "ppo-bot: %s\n", error.what());
    return bot::kExitFailed;
  }
}
