// What clients and bots send: requests of every action against a bridge with some history; the same from one whose role reads
// some of it, who must not come to know anything of the rest.

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
      // All that the narrow role may not read is marked.
      const std::string data = R"(,"data":{"item":"HIDDENi","agent_id":")";
      intake.take(R"({"type":"t0","source":"HIDDENs")" + data + R"(a"}})");
      intake.take(R"({"type":"t0","source":"s")" + data + R"(HIDDENa"}})");
      intake.take(R"({"type":"HIDDENt","source":"s")" + data + R"(a"}})");
      intake.take(R"({"type":"t0")" + data + R"(a"}})");
    }
    for (const char* source : {"s", "HIDDENs"}) {
      intake.take(std::string(R"({"type":"_source","source":")") + source + R"(","run":"r","data":{"agents":["a","HIDDENa"],)" +
                  R"("host":"HIDDENh","parameters":[{"name":"HIDDENp"}]}})");
    }
  }
  // Reads t* of s and its agent a; may command s.
  std::shared_ptr<const Access> narrow = std::make_shared<const Access>(
      "narrow", Roles::parse("[[role.n.read]]\ntypes=['t*']\nsources=['s']\nagents=['a']\n"
                             "[[role.n.command]]\ncommands=['*']\ntargets=['s']\n", "roles").value().find("n"));
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
  const bool echoes = input.find("HIDDEN") != std::string_view::npos;
  const auto check_hidden = [&](std::string_view told) {
    if (echoes || told.find("HIDDEN") == std::string_view::npos) return;
    std::cerr << "FAILED: a narrow role is told of what it may not read\ninput: " << printable(input, 100'000)
              << "\ntold: " << printable(told, 100'000) << "\n";
    std::abort();
  };
  {
    static const Authenticator nobody("/nonexistent", world.clock);
    Feed narrow_feed(world.log, world.cohorts, world.clock, [] {});
    ClientProtocol narrow(narrow_feed, world.dispatcher, world.replays, world.log, world.counters, world.clock, 1000, 2, [](Verdict) {});
    narrow.require_access(nobody, world.narrow);
    (void)narrow.handle(input);
    world.replays.tick();
    for (int turn = 0; turn < 4; ++turn) {
      for (const auto& buffer : narrow_feed.pull(1 << 20).buffers) check_hidden(*buffer);
    }
  }
  // The same as a bot's request.
  const auto document = read_document(input);
  if (!document || !document.value().IsObject()) return 0;
  world.dispatcher.execute(document.value(), "", {"bot-n", nullptr, world.narrow}, check_hidden);
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
