// ppo-bot: trades through a PPO bridge over ZeroMQ. Puts the parts together and does nothing else.

#include <cstdio>
#include <exception>
#include <variant>

#include "ppo-bot/bot.h"
#include "ppo-bot/diary.h"
#include "ppo-bot/options.h"
#include "ppo-client/stop_signal.h"

int main(int argc, char** argv) {
  try {
    const auto parsed = bot::parse_options(argc, argv);
    if (const auto* leave = std::get_if<bot::Leave>(&parsed)) {
      std::fputs(leave->text.c_str(), leave->code == bot::kExitOk ? stdout : stderr);
      return leave->code;
    }
    const auto& options = std::get<bot::Options>(parsed);
    client::catch_stop_signals();
    client::ignore_broken_pipes();  // orders are taken back also where nobody reads any more
    bot::Diary diary(stdout, options.json);
    bot::Bot bot(options.bot, diary, [] { return client::stop_requested() || std::ferror(stdout) != 0; });
    return bot.run();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "ppo-bot: %s\n", error.what());
    return bot::kExitFailed;
  }
}
