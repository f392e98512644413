#include "ppo-client/trainer_reply.h"

#include <charconv>
#include <map>
#include <optional>
#include <vector>

#include "feed/json.h"
#include "feed/message.h"
#include "ppo-client/json_text.h"
#include "ppo-client/number.h"
#include "ppo-client/table.h"

namespace client {
namespace {

namespace json = feed::json;

constexpr const char* kBridge = "ppo-bridge";  // as `source` of what it answers itself

std::string string_of_member(std::string_view object, std::string_view key) {
  return json::as_string(json::member(object, key)).value_or("");
}

// "3.142" -> "3.1 ms"; empty where it is none.
std::string elapsed(std::string_view reply) {
  const std::string_view text = json::member(reply, "elapsed_ms");
  double ms = 0;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), ms);
  if (text.empty() || error != std::errc() || stop != text.data() + text.size()) return {};
  return figure(ms) + " ms";
}

// At which step of the training it took effect, where the result says so.
std::string step(std::string_view result) {
  for (const char* const name : {"step", "at_step", "applied_at_step", "steps"}) {
    if (const auto number = json::as_u64(json::member(result, name))) return grouped(*number);
  }
  return {};
}

bool failed(std::string_view entry) {
  return json::member(entry, "success") == "false" || string_of_member(entry, "status") == "error";
}

}  // namespace

std::string one_trainer_text(std::string_view reply, const Style& style) {
  const std::string source = string_of_member(reply, "source");
  if (source.empty() || source == kBridge) return {};
  const std::string_view result = json::member(reply, "result");
  const std::string target = string_of_member(reply, "target");
  Line line;
  line.add(string_of_member(reply, "command"), Colour::kBold).add("  ");
  const bool names_it = target.rfind(source, 0) == 0;  // also SOURCE/AGENT and SOURCE@RUN
  line.add(names_it ? target : target.empty() ? source : target + " on " + source).add("  ");
  const std::string after = elapsed(reply);
  line.add(after.empty() ? "done" : "done in " + after, Colour::kGreen);
  const std::string at = step(result);
  if (!at.empty()) line.add("  at step " + at);
  std::string text = line.render(style) + "\n";
  const std::string shown = result.empty() ? "{}" : compact(result);
  if (shown != "{}") text += pretty(result) + "\n";
  return text;
}

std::string all_trainers_text(std::string_view reply, const Style& style) {
  const std::string_view results = json::member(reply, "results");
  if (results.empty() || results.front() != '[') return {};
  std::map<std::string, int> runs;
  json::for_each_element(results, [&](std::string_view entry) {
    ++runs[string_of_member(entry, "source")];
  });
  Table table({"source", "outcome", "elapsed", "step", "result"});
  json::for_each_element(results, [&](std::string_view entry) {
    const std::string_view result = json::member(entry, "result");
    const feed::Reply said = feed::read_reply(std::string(entry));
    const bool bad = failed(entry);
    std::string source = string_of_member(entry, "source");
    if (runs[source] > 1) source += "@" + string_of_member(entry, "run");
    table.add({{source},
               {bad ? said.error_type : "done", false, bad ? Colour::kRed : Colour::kGreen},
               {elapsed(entry), true},
               {step(result), true},
               {bad              ? said.error
                : result.empty() ? ""
                                 : compact(result)}});
  });
  return table.render(style);
}

}  // namespace client
