// What is asked for on a command line, as tasks.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "feed/result.h"
#include "ppo-client/options.h"

namespace client {

// What the options' texts are read into; CLI11 knows these, and the checks below make Options of
// them.
struct Texts {
  std::string token_file;
  std::string colour = "auto";
  double timeout_s = 5;
  double wait_s = 0;
  std::vector<std::string> types;
  std::vector<std::string> more_types;
  std::vector<std::string> filters;
  std::string agent, item, source, where, type, since, since_seq;
  std::uint64_t count = 0;
  bool check = false;
  std::string command, params, target, idempotency_key;
  std::vector<std::string> param;
  std::uint64_t deadline_ms = 0;
  std::uint64_t drain_s = 0;
  std::string from, to, output, format = "ndjson";
  bool force = false;
  double interval_s = 1;
  double speed = 1;
  std::vector<std::string> states, runs, tags;
  std::string search, sort = "-started", axis = "step", series_format = "table";
  std::uint64_t offset = 0, points = 2000;
  bool hidden = false;
  std::string rule, name, lasting, webhook, words;
  std::uint64_t alert = 0;
};

struct Mistake {
  std::string message;
};

template <typename T>
T checked(feed::Result<T> result) {
  if (!result) throw Mistake{result.error()};
  return result.value();
}

// For all of these; throws Mistake for what is wrong with a text.
TailOptions tail_options(const Texts& texts, bool has_count);
ReplayOptions replay_options(const Texts& texts, bool exporting);
AskOptions ask_recent(const Texts& texts, std::chrono::milliseconds timeout);
AskOptions ask_runs(const Texts& texts, std::chrono::milliseconds timeout);
AskOptions ask_series(const Texts& texts, std::chrono::milliseconds timeout);
AskOptions ask_compare(const Texts& texts, std::chrono::milliseconds timeout);
AskOptions add_alert(const Texts& texts, std::chrono::milliseconds timeout);
AskOptions any_command(const Texts& texts, std::chrono::milliseconds timeout);
// A command of the bridge's own; `params`: JSON.
AskOptions bridge_command(const char* command, AskOptions::Show show, const std::string& params,
                          std::chrono::milliseconds deadline);

}  // namespace client
