// The table of rules that the bridge and the page are held against, and logs for its stories.
#pragma once

#include <doctest/doctest.h>

#include <cstdint>
#include <fstream>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "alerts/alert_evaluator.h"
#include "event/json_document.h"
#include "event/json_value.h"

namespace bridge {

inline constexpr std::int64_t kStoryBegan = 1'619'395'200'000'000;

inline rapidjson::Document rule_table() {
  std::ifstream file(std::string(PPO_SOURCE_DIR) + "/tests/alerts/rules.json");
  std::stringstream text;
  text << file.rdbuf();
  auto table = read_document(text.str());
  REQUIRE_MESSAGE(table.ok(), "tests/alerts/rules.json");
  return std::move(table.value());
}

// A log of lone events before an evaluator, on a clock that the test tells.
struct AlertStory {
  AlertEvaluator evaluator;
  std::uint64_t seq = 0;

  explicit AlertStory(AlertLimits limits = {}) : evaluator(limits) {}

  void rule(std::uint64_t id, const std::string& text, std::uint64_t after_seq = 0) {
    auto rule = parse_rule(text);
    REQUIRE_MESSAGE(rule.ok(), text);
    evaluator.add(id, std::move(rule.value()), after_seq);
  }

  // `data` is JSON. Returns the changes, as the table writes them.
  std::vector<std::string> event(double at_s, const std::string& type, const std::string& data,
                                 const std::string& source = "", const std::string& run = "") {
    EnvelopeParser parser(1 << 21);
    const std::string body = R"({"type":")" + type + R"(","data":)" + data + "}";
    REQUIRE_MESSAGE(parser.parse(body) == Reject::none, body);
    Envelope event = parser.envelope();
    event.source = source;
    event.run = run;
    BlockBuilder builder;
    const auto at_us = static_cast<std::int64_t>(at_s * 1e6);
    builder.add(event, ++seq, kStoryBegan + at_us);
    const BlockPtr block = builder.seal();
    evaluator.look_at(*block, 0, at_us);
    return changes();
  }
  std::vector<std::string> pass(double at_s) {
    evaluator.pass_time(static_cast<std::int64_t>(at_s * 1e6));
    return changes();
  }
  std::vector<std::string> changes() {
    std::vector<std::string> out;
    for (const AlertChange& change : last = evaluator.take_changes()) {
      const AlertSubject& s = change.subject;
      out.push_back((change.raised ? "+" : "-") + s.source + "@" + s.run +
                    (s.agent_id.empty() ? "" : "/" + s.agent_id));
    }
    return out;
  }
  std::vector<AlertChange> last;
};

}  // namespace bridge
