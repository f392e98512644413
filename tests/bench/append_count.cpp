// Appends so many events to a log of the bridge's own, and nothing else: what append_count.sh counts.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "event/envelope.h"
#include "log/event_log.h"

int main(int argc, char** argv) {
  const std::uint64_t events = argc == 2 ? std::strtoull(argv[1], nullptr, 10) : 0;
  bridge::EventLog log(bridge::LogStart("count"), bridge::HistoryLimits());
  bridge::EnvelopeParser parser(1 << 20);
  const std::string body = R"({"type":"scalar","source":"trainer-1","run":"k3f9a2","source_seq":1,"agent_id":"agent_0","data":{"tag":"loss","step":1,"value":0.25}})";
  if (parser.parse(body) != bridge::Reject::none) return 1;
  bridge::Envelope event = parser.envelope();
  for (std::uint64_t i = 1; i <= events; ++i) {
    event.source_seq = i;
    log.append(event, static_cast<std::int64_t>(1'700'000'000'000'000 + i));
  }
  std::printf("%llu\n", static_cast<unsigned long long>(log.last_seq()));
  return log.last_seq() == events ? 0 : 1;
}
