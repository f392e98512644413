#include "commands/slow_turns_json.h"

#include "event/json_writer.h"

namespace bridge {
namespace {

double ms(std::int64_t us) { return static_cast<double>(us) / 1e3; }

}  // namespace

std::string slow_turns_json(const SlowTurns& turns) {
  JsonWriter json;
  json.object().field("longer_than_ms", ms(kSlowTurnUs)).field("count", turns.count()).key("turns").list();
  for (const SlowTurn& turn : turns.list()) {
    json.object().key("ended_at").time(turn.ended_us);
    json.field("took_ms", ms(turn.took_us)).field("cpu_ms", ms(turn.cpu_us)).field("thread", turn.thread);
    json.key("did").list();
    for (std::size_t i = 0; i < turn.parts_count; ++i) {
      const SlowTurn::Part& part = turn.parts[i];
      if (i == 0 && part.us == 0) continue;
      json.object().field("what", part.what).field("times", part.times).field("ms", ms(part.us)).end_object();
    }
    json.end_list().field("bodies_in", turn.bodies_in).field("events_out", turn.events_out);
    json.field("bytes_out", turn.bytes_out).field("requests", turn.requests).end_object();
  }
  return json.end_list().end_object().take();
}

}  // namespace bridge
