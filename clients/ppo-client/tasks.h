// What is asked for on a command line, as tasks.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "feed/result.h"
#include "ppo-client/options.h"

namespace client {

// What the options' texts are read into; CLI11 knows these, and the checks below make Options of
// them.
struct Texts {
  std::string token_file;
  std::string url;  // of one of the bridges, or of all
  std::string colour = "auto";
  double timeout_s = 5;
  double wait_s = 0;
  std::vector<std::string> types;
  std::vector<std::string> more_types;
  std::vector<std::string> filters;
  std::string agent, item, source, where, type, since, since_seq;
  std::uint64_t count = 0;  // 0: not given
  bool check = false;
  std::string command, params, target, idempotency_key;
  std::vector<std::string> param;
  std::uint64_t deadline_ms = 0;
  std::optional<std::uint64_t> drain_s;
  std::string from, to, output, format = "ndjson";
  bool force = false;
  bool once = false;
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

// Of an option.
std::chrono::milliseconds seconds_option(const char* name, double seconds, double min);

template <typename T>
T checked(feed::Result<T> result) {
  if (!result) throw Mistake{result.error()};
  return result.value();
}

// For all of these; throws Mistake for what is wrong with a text. Deadlines are the least that there is for an answer.
TailOptions tail_options(const Texts& texts);
ReplayOptions replay_options(const Texts& texts, bool exporting);
AskOptions ask_recent(const Texts& texts);
AskOptions ask_runs(const Texts& texts);
AskOptions ask_series(const Texts& texts);
AskOptions ask_compare(const Texts& texts);
AskOptions ask_audit(const Texts& texts);
AskOptions ask_words(const Texts& texts);
AskOptions add_alert(const Texts& texts);
AskOptions any_command(const Texts& texts);
// A command of the bridge's own; `params`: JSON.
AskOptions bridge_command(const char* command, AskOptions::Show show, const std::string& params = "{}",
                          std::chrono::milliseconds deadline_min = {});

}  // namespace client
