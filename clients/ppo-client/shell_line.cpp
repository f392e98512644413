#include "ppo-client/shell_line.h"

#include <algorithm>
#include <iterator>

#include "ppo-client/text.h"

namespace client {
namespace {

using Words = std::vector<std::string>;

const Words kBridgeCommands = {
    "get_clients", "get_event_types", "get_recent_events",    "get_snapshot",
    "get_sources", "get_status",      "arm_dead_mans_switch", "disarm_dead_mans_switch"};
const Words kCommandOptions = {"--deadline-ms", "--idempotency-key", "--json",   "--param",
                               "--params",      "--target",          "--timeout"};
const Words kRecentOptions = {"--agent",  "--count",     "--item",    "--json",
                              "--source", "--since-seq", "--timeout", "--type", "--where"};
const Words kPlainOptions = {"--json", "--timeout"};

bool starts_with(std::string_view text, std::string_view beginning) {
  return text.substr(0, beginning.size()) == beginning;
}

bool is_shell_word(std::string_view word) {
  const Words& words = shell_words();
  return std::find(words.begin(), words.end(), word) != words.end();
}

bool is_option(std::string_view word) {
  return starts_with(word, "-");
}

Words joined(Words a, const Words& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

// Trainers announce whatever names they like: one that would be other words when it is read, or steer the terminal, is
// not offered.
bool can_be_typed(const std::string& word) {
  const auto read = split_words(word);
  return read && *read == Words{word} && printable(word) == word;
}

// What may stand where `before` are the words in front, and the word itself begins so.
Words possible(const Words& before, std::string_view word, const Registry& registry) {
  if (before.empty()) return joined(shell_words(), registry.commands());
  const std::string& first = before.front();
  const std::string& previous = before.back();
  const bool shell_word = is_shell_word(first);
  // Behind `command` stands the command that a target is for.
  const std::string& command = first == "command" && before.size() > 1 ? before[1] : first;
  if (previous == "--target") return registry.targets(command);
  if (previous == "--agent") return registry.agents();
  if (previous == "--source") return registry.source_names();
  if (is_option(word)) {
    if (first == "recent") return kRecentOptions;
    return first == "command" || !shell_word ? kCommandOptions : kPlainOptions;
  }
  if (before.size() > 1) return {};
  if (first == "command") return joined(kBridgeCommands, registry.commands());
  if (first == "help") return joined(shell_words(), registry.commands());
  return shell_word ? Words() : registry.targets(first);
}

}  // namespace

feed::Result<Words> split_words(std::string_view line) {
  Words words;
  bool in_word = false;
  char quote = '\0';
  for (std::size_t at = 0; at < line.size(); ++at) {
    const char c = line[at];
    const bool space = c == ' ' || c == '\t' || c == '\r' || c == '\n';
    if (quote == '\0' && space) {
      in_word = false;
      continue;
    }
    if (!in_word) {
      if (c == '#') break;
      in_word = true;
      words.emplace_back();
    }
    if (c == '\\' && quote != '\'' && at + 1 < line.size()) {
      words.back() += line[++at];
    } else if (quote == c) {
      quote = '\0';
    } else if (quote == '\0' && (c == '\'' || c == '"')) {
      quote = c;
    } else {
      words.back() += c;
    }
  }
  if (quote != '\0') return feed::Error{std::string("a ") + quote + " is not closed"};
  return words;
}

const Words& shell_words() {
  static const Words words = {"alerts", "clients",  "command", "exit",   "help", "quit",
                              "recent", "snapshot", "sources", "status", "types"};
  return words;
}

Words expand_shorthand(Words words) {
  if (is_shell_word(words.front()) || is_option(words.front())) return words;
  Words expanded = {"command", words.front()};
  for (std::size_t i = 1; i < words.size(); ++i) {
    const bool value_of_option = i > 1 && is_option(words[i - 1]);
    const bool has_sign = words[i].find('=') != std::string::npos;
    if (!is_option(words[i]) && !value_of_option) {
      if (has_sign) expanded.push_back("--param");
      if (!has_sign && i == 1) expanded.push_back("--target");
    }
    expanded.push_back(words[i]);
  }
  return expanded;
}

Completion complete(std::string_view line, const Registry& registry) {
  Completion completion;
  Words before;
  for (std::size_t at = 0; at <= line.size();) {
    const std::size_t end = std::min(line.find_first_of(" \t", at), line.size());
    if (end == line.size()) {
      completion.from = at;
      break;
    }
    if (end > at) before.emplace_back(line.substr(at, end - at));
    at = end + 1;
  }
  const std::string_view word = line.substr(completion.from);
  Words words = possible(before, word, registry);
  std::sort(words.begin(), words.end());
  words.erase(std::unique(words.begin(), words.end()), words.end());
  std::copy_if(words.begin(), words.end(), std::back_inserter(completion.candidates),
               [&](const std::string& candidate) { return starts_with(candidate, word) && can_be_typed(candidate); });
  return completion;
}

std::string common_prefix(const Words& candidates) {
  if (candidates.empty()) return {};
  std::string prefix = candidates.front();
  for (const std::string& candidate : candidates) {
    const auto [end, other] =
        std::mismatch(prefix.begin(), prefix.end(), candidate.begin(), candidate.end());
    prefix.erase(end, prefix.end());
  }
  return prefix;
}

}  // namespace client
