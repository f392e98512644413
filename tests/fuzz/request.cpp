// What clients and bots send: requests of every action against a bridge with some history.

#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <string_view>

#include <rapidjson/document.h>

#include "base/clock.h"
#include "base/counters.h"
#include "base/text.h"
#include "commands/own_commands.h"
#include "commands/source_watch.h"
#include "conversation/client_protocol.h"
#include "event/json_document.h"
#include "sources/intake.h"

namespace {

using namespace bridge;

struct World {
  World() {
    for (int i = 0; i < 40; ++i) {
      intake.take(R"({"type":"t)" + std::to_string(i % 3) + R"(","source":"s","data":{"item":"i",)" +
                  R"("agent_id":"a","n":)" + std::to_string(i) + "}}");
    }
  }
  FakeClock clock;
  Counters counters;
  Snapshot snapshot{100, 1 << 20};
  HistoryLimits limits{30, 1 << 20};
  EventLog log{"e", limits, [this](const Block& b) { snapshot.fold(b); }};
  Cohorts cohorts{log, snapshot, clock};
  Replays replays{log, cohorts, clock};
  SourceTable sources{1000, counters};
  SourceTracker tracker{sources, 1 << 20, counters};
  TypeCounts types;
  OwnCommands commands{
      {log, snapshot, sources, tracker, types, counters, clock, limits, 10, "0.0.0"}};
  struct Nobody : TrainerLink {
    bool send(const std::string&, const std::string&) override { return false; }
  } link;
  OwnEvents own_events{log, types, clock, [] {}};
  CommandDispatcher dispatcher{commands, sources, link, own_events, counters, clock, 2'000'000};
  SourceWatch watch{sources, tracker, dispatcher.router(), own_events};
  Intake intake{1 << 16, log, sources, tracker, types, own_events, counters, clock, {}};
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static World world;
  Feed feed(world.log, world.cohorts, world.clock, [] {});
  ClientProtocol protocol(feed, world.dispatcher, world.replays, world.log, world.counters,
                          world.clock, 1000, 1, [](Verdict) {});
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const std::uint64_t before = world.counters.requests;
  (void)protocol.handle(input);
  // Exactly one reply, first of all, valid, before any event.
  const Outgoing out = feed.pull(1 << 20);
  const bool answered = world.counters.requests == before + 1 && !out.empty();
  std::string_view bytes = answered ? std::string_view(*out.buffers[0]) : std::string_view();
  bool valid = false;
  if (bytes.size() > 4) {
    const auto length = static_cast<unsigned char>(bytes[1]);
    bytes.remove_prefix(length < 126 ? 2 : length == 126 ? 4 : 10);
    rapidjson::Document reply;
    reply.Parse<rapidjson::kParseStopWhenDoneFlag | rapidjson::kParseValidateEncodingFlag>(
        bytes.data(), bytes.size());
    valid = !reply.HasParseError() && reply.IsObject() && reply.HasMember("status");
  }
  if (!valid) {
    std::cerr << "FAILED: no valid reply\ninput: " << printable(input, 100'000) << "\n";
    std::abort();
  }
  // The same as a bot's request.
  const auto document = read_document(input);
  if (!document || !document.value().IsObject()) return 0;
  int replies = 0;
  world.dispatcher.execute(document.value(), "", {"bot-x"}, [&replies](const std::string& reply) {
    replies += read_document(reply).ok() ? 1 : 2;
  });
  if (replies != 1) {
    std::cerr << "FAILED: not one valid reply\ninput: " << printable(input, 100'000) << "\n";
    std::abort();
  }
  return 0;
}
