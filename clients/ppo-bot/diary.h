// What the bot says of what it does: a line an action, for people or for programs.
#pragma once

#include <unistd.h>

#include <cstdio>
#include <string>

#include "feed/json.h"
#include "ppo-bot/strategy.h"

namespace bot {

// Writes to `out`, which must outlive it, and flushes each line. One thread.
class Diary {
 public:
  Diary(std::FILE* out, bool json) : out_(out), json_(json), terminal_(::isatty(::fileno(out)) == 1) {}

  // "14:03:59.123  buy        10 Coal at 151 gp", or the same moment and word, as `at` and
  // `action`, in front of `fields`. Whatever names are in either, no control character reaches a
  // terminal.
  void note(Moment now, const std::string& action, const std::string& sentence,
            const feed::json::Object& fields = {});

 private:
  std::FILE* const out_;
  const bool json_;
  const bool terminal_;
};

[[nodiscard]] Moment now();
[[nodiscard]] std::string gp(std::int64_t value);
// "buy 10 Coal at 151 gp"
[[nodiscard]] std::string describe(Side side, std::int64_t quantity, const std::string& item,
                                   std::int64_t price);
// Of an order, for a program.
[[nodiscard]] feed::json::Object order_fields(const Order& order);
// "rejected: not while saving"
[[nodiscard]] std::string why(const feed::Answer& answer);

}  // namespace bot
