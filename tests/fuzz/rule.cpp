// Rules of alerts: a line each of a rule and of bodies of events, which it is then held against.

#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <string>
#include <string_view>

#include "alerts/alert_evaluator.h"
#include "base/text.h"
#include "event/json_document.h"

namespace {

using namespace bridge;

void check(bool ok, const char* what, std::string_view input) {
  if (ok) return;
  std::cerr << "FAILED: " << what << "\ninput: " << printable(input, 100'000) << "\n";
  std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  if (!is_utf8(input)) return 0;
  const std::string_view text = input.substr(0, input.find('\n'));
  auto rule = parse_rule(text);
  if (!rule) {
    check(rule.error().position <= text.size() && !rule.error().expected.empty() && !rule.error().found.empty(),
          "an error that tells no place", input);
    return 0;
  }
  check(rule.value().tests.size() <= kRuleTestsMax, "too many comparisons", input);
  AlertLimits limits;
  limits.bytes_max = 100'000;
  AlertEvaluator evaluator(limits);
  evaluator.add(1, std::move(rule.value()), 0);
  EnvelopeParser parser(1 << 16);
  std::uint64_t seq = 0;
  std::string_view rest = input.substr(std::min(size, text.size() + 1));
  while (!rest.empty()) {
    const std::string_view body = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(rest.size(), body.size() + 1));
    if (parser.parse(body) != Reject::none) continue;
    BlockBuilder builder;
    builder.add(parser.envelope(), ++seq, 1'619'395'200'000'000);
    const auto now_us = static_cast<std::int64_t>(seq) * 700'000;
    evaluator.look_at(*builder.seal(), 0, now_us);
    evaluator.pass_time(now_us);
    for (const AlertChange& change : evaluator.take_changes()) {
      check(change.seq >= 1 && change.seq <= seq, "a change of no event", input);
      check(change.value_json.empty() || read_document("[" + change.value_json + "]").ok(), "a value that is not JSON", input);
    }
    check(evaluator.bytes() <= limits.bytes_max, "more memory than allowed", input);
  }
  evaluator.remove(1);
  check(evaluator.bytes() == 0, "memory of a rule that is gone", input);
  return 0;
}
