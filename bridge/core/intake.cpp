#include "core/intake.h"

#include <utility>

namespace bridge {

Intake::Intake(std::size_t event_bytes_max, EventLog& log, SourceRegistry& sources,
               TypeCounts& types, Counters& counters, const Clock& clock, RejectListener on_reject)
    : parser_(event_bytes_max),
      log_(log),
      sources_(sources),
      types_(types),
      counters_(counters),
      clock_(clock),
      on_reject_(std::move(on_reject)) {
  static_assert(kRejectCount <= std::tuple_size_v<decltype(counters_.rejected)>);
}

void Intake::take(std::string_view message, IntakeOutcome* outcome) {
  ++counters_.messages_received;
  counters_.bytes_received += message.size();
  wall_us_ = clock_.wall_us();
  steady_us_ = clock_.steady_us();
  std::size_t newline = message.find('\n');
  if (newline == std::string_view::npos || is_one_body_over_lines(message)) {
    take_body(message, outcome);
    return;
  }
  bool any = false;
  for (std::size_t from = 0; from <= message.size(); newline = message.find('\n', from)) {
    const std::size_t to = newline == std::string_view::npos ? message.size() : newline;
    std::string_view line = message.substr(from, to - from);
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    from = to + 1;
    if (line.empty()) continue;  // a newline behind the last body, say
    take_body(line, outcome);
    any = true;
  }
  if (!any) take_body({}, outcome);
}

// A batch's lines are objects, each closed on its line. Where the first is not, the newlines may be
// white space inside one object: then the whole parses, and only then.
bool Intake::is_one_body_over_lines(std::string_view message) {
  std::string_view first = message.substr(0, message.find('\n'));
  const std::size_t last_char = first.find_last_not_of(" \t\r");
  if (last_char != std::string_view::npos && first[last_char] == '}') return false;
  return message.size() <= parser_.event_bytes_max() && parser_.parse(message) == Reject::none;
}

void Intake::take_body(std::string_view body, IntakeOutcome* outcome) {
  ++counters_.bodies_received;
  const Reject why = parser_.parse(body);
  if (why != Reject::none) {
    reject(why, outcome);
    return;
  }
  counters_.not_finite_replaced += parser_.not_finite_count();
  if (outcome != nullptr) ++outcome->accepted;
  accept();
}

void Intake::accept() {
  const Envelope& event = parser_.envelope();
  if (event.type.front() == '_') {
    ++counters_.announcements;
    sources_.announce(event, wall_us_, steady_us_);
    return;
  }
  ++counters_.events_from_sources;
  sources_.observe(event, wall_us_, steady_us_);
  types_.observe(event.type, wall_us_);
  log_.append(event, wall_us_);
}

void Intake::reject(Reject why, IntakeOutcome* outcome) {
  ++counters_.rejected[static_cast<std::size_t>(why)];
  if (outcome != nullptr) {
    if (outcome->rejected == 0) {
      outcome->first_reject = why;
      outcome->first_detail = parser_.detail();
    }
    ++outcome->rejected;
  }
  if (on_reject_) on_reject_(parser_.envelope().source, why, parser_.detail());
}

}  // namespace bridge
