#include "commands/delays_json.h"

namespace bridge {
namespace {

void put(JsonWriter& json, const DurationHistogram& delays) {
  json.list();
  for (std::size_t i = 0; i <= DurationHistogram::kBoundsUs.size(); ++i) json.add(delays.in_bucket(i));
  json.end_list();
}

void put(JsonWriter& json, const char* name, const DeliveryDelays& delays) {
  json.key(name).object();
  for (std::size_t i = 0; i < kDeliveryNames.size(); ++i) {
    if (delays[i].count() == 0) continue;
    json.key(kDeliveryNames[i]);
    put(json, delays[i]);
  }
  json.end_object();
}

}  // namespace

void put_delays(JsonWriter& json, const Counters& counters, const SourceTable& sources) {
  json.key("delays").object().key("bounds_ms").list();
  for (const std::int64_t us : DurationHistogram::kBoundsUs) json.add(static_cast<double>(us) / 1e3);
  json.end_list();
  json.key("publish_to_receive");
  put(json, sources.publish_to_receive());
  put(json, "receive_to_send", counters.receive_to_send);
  put(json, "send_to_ack", counters.send_to_ack);
  json.end_object();
}

void put_clock(JsonWriter& json, const Run& run, std::int64_t steady_us) {
  if (!run.clock.known()) return;
  json.field("clock_ahead_ms", static_cast<double>(run.clock.offset_us()) / 1e3);
  json.field("clock_error_ms", static_cast<double>(run.clock.error_us(steady_us)) / 1e3);
}

}  // namespace bridge
