// The command line.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "feed/address.h"
#include "feed/backoff.h"
#include "feed/subscription.h"
#include "ppo-client/where.h"

namespace client {

enum ExitCode : int {
  kExitOk = 0,
  kExitFailed = 1,   // the bridge cannot be reached, or the connection failed
  kExitUsage = 2,    // the command line is wrong
  kExitRefused = 3,  // the bridge answered with an error; the command was surely not carried out
  kExitUnknown = 4,  // it did, and whether the command was carried out is not known
};

struct TailOptions {
  feed::Subscription subscription;
  std::optional<std::uint64_t> count;  // stop after so many events
  bool check = false;                  // compare the logs of all bridges, and show no event
  std::optional<Where> where;          // which of them are shown; none: all
};

// One request, and how to show its answer.
struct AskOptions {
  enum class Show {
    kWords,   // names, one a line
    kReport,  // tables
    kEvents,  // its `events` as lines
    kResult,  // pretty JSON
    kRuns,         // a table of runs
    kCompare,      // two runs side by side
    kSeries,       // a table of curves
    kSeriesCsv,    // their points
    kSeriesNdjson,
    kSlow,         // turns of the bridge that took long
    kAlerts,       // alerts, or what became of one
    kCluster,      // of its `cluster`, the nodes
  };
  std::string command;
  std::string fields;  // of the request, besides action and id: a JSON object
  Show show = Show::kReport;
  std::vector<std::string> runs;  // of kCompare, in this order
  std::string words;              // of kWords: sources, agents, commands, targets, types or runs
  std::optional<Where> where;     // of kEvents: which of them; looked for page by page until there are `count`
  std::uint64_t count = 0;
  std::chrono::milliseconds deadline{5000};  // for the answer
};

// A stretch of the past.
struct ReplayOptions {
  enum class Format { kLines, kNdjson, kCsv };
  std::string fields;  // of the request, besides action and id: a JSON object
  Format format = Format::kLines;
  std::optional<Where> where;  // which events are shown; none: all
  std::string output;    // the file to write; "" = standard output
  bool replace = false;  // it, where it is there already
};

// The bridge at a glance, again and again.
struct TopOptions {
  bool once = false;
  std::chrono::milliseconds interval{1000};
};

// Commands from a prompt, or a line each from a pipe.
struct ShellOptions {};

struct Options {
  enum class When { kAuto, kAlways, kNever };

  std::string url = feed::kDefaultUrl;  // or several, with commas between
  std::string token;
  std::string ca;  // whom to trust with wss://; "" = whom the system does
  bool json = false;
  When colour = When::kAuto;
  std::chrono::milliseconds timeout{5000};  // to connect, and for an answer
  std::chrono::milliseconds wait{0};        // how long a first connection is tried again
  feed::Backoff::Range backoff;
  using Task = std::variant<TailOptions, AskOptions, ReplayOptions, ShellOptions, TopOptions>;
  Task task;
};

// Nothing to do but to say `text` and to end: help, version or a mistake.
struct Leave {
  ExitCode code = kExitOk;
  std::string text;  // to stdout where the code is kExitOk, else to stderr
};

// Reads the command line and the environment (PPO_BRIDGE_URL, PPO_BRIDGES, PPO_TOKEN, PPO_TOKEN_FILE).
std::variant<Options, Leave> parse_options(int argc, const char* const* argv);

// Reads a line of the shell: one request, in the words of the command line. What it does not say is
// as in `shell`, and what is about the connection it cannot say. The Options hold AskOptions.
std::variant<Options, Leave> parse_shell_line(const std::vector<std::string>& words,
                                              const Options& shell);

}  // namespace client
