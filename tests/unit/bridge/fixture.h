// A log with all that stands around it, on a clock that only moves when told to.
#pragma once

#include <algorithm>
#include <deque>
#include <functional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <rapidjson/document.h>

#include "base/clock.h"
#include "base/counters.h"
#include "commands/command_dispatcher.h"
#include "commands/own_commands.h"
#include "commands/source_watch.h"
#include "log/event_log.h"
#include "log/own_events.h"
#include "sources/intake.h"
#include "stream/cohorts.h"
#include "stream/feed.h"
#include "stream/replay.h"
#include "stream/snapshot.h"

namespace bridge {

// Trainers' sockets: keeps what is sent; only the named trainers are connected.
struct FakeLink : TrainerLink {
  bool send(const std::string& source, const std::string& json) override {
    if (connected.count(source) == 0) return false;
    sent.emplace_back(source, json);
    return true;
  }
  std::set<std::string> connected;
  std::vector<std::pair<std::string, std::string>> sent;
};

struct Bench {
  static constexpr std::size_t kRunsMax = 100;

  explicit Bench(HistoryLimits history_limits = {})
      : limits(history_limits),
        log("epoch1", limits, [this](const Block& b) { snapshot.fold(b); }),
        intake(1 << 20, log, sources, tracker, types, own_events, counters, clock, {}) {
    tracker.set_link(&dispatcher.router());
    dispatcher.router().set_repair_listener(
        [this](const RepairAnswer& answer) { intake.take_repair(answer); });
  }

  // Takes a body in, as from a socket. Does not announce.
  void take(std::string_view body) { intake.take(body); }
  // The same over a control connection: true where it is a hello.
  bool hello(const std::string& connection, std::string_view body) {
    link.connected.insert(connection);
    return intake.take_hello(connection, body, &hello_reply);
  }
  // Lets time pass, in steps in which the bridge looks after commands and holes.
  void pass(std::int64_t us) {
    for (; us > 0; us -= 20'000) {
      clock.advance_us(std::min<std::int64_t>(us, 20'000));
      dispatcher.tick();
      intake.tick();
    }
  }

  // The result of one of the bridge's own commands.
  std::string run(std::string_view command) {
    std::string result;
    commands.run(command, rapidjson::Value(rapidjson::kObjectType), nullptr,
                 [&result](const auto& got) { result = got.value(); });
    return result;
  }

  // Takes one turn of what was posted; false where nothing was.
  bool work_once() {
    if (posted.empty()) return false;
    const auto f = std::move(posted.front());
    posted.pop_front();
    f();
    return true;
  }

  // Takes an event of this type and data in and tells the cohorts.
  void event(const std::string& type = "tick", const std::string& data = "{}") {
    take(R"({"type":")" + type + R"(","data":)" + data + "}");
    cohorts.announce();
  }

  FakeClock clock;
  HistoryLimits limits;
  Counters counters;
  Snapshot snapshot{1000, 8 << 20};
  EventLog log;
  // What is posted to the loop.
  std::deque<std::function<void()>> posted;
  WorkQueue work{[this](std::function<void()> f) { posted.push_back(std::move(f)); }, clock};
  Cohorts cohorts{log, snapshot, clock, nullptr, Deflater::kLevelMin, nullptr, &work};
  Replays replays{log, cohorts, clock};
  SourceTable sources{kRunsMax, counters};
  SourceTracker tracker{sources, 1 << 20, counters};
  TypeCounts types;
  OwnCommands commands{
      {log, snapshot, sources, tracker, types, counters, clock, limits, 10, "0.0.0", nullptr, &work}};
  FakeLink link;
  std::string hello_reply;
  OwnEvents own_events{log, types, clock, [] {}};
  CommandDispatcher dispatcher{commands, sources, link, own_events, counters, clock, 2'000'000};
  // What follows from a change but the event of it: tests count theirs.
  struct QuietWatch final : SourceWatch {
    using SourceWatch::SourceWatch;
    void on_source(const Run&, SourceChange) override {}
  } watch{sources, tracker, dispatcher.router(), own_events};
  Intake intake;
};

inline rapidjson::Document parse_json(std::string_view text) {
  rapidjson::Document document;
  document.Parse(text.data(), text.size());
  return document;
}

// All at once.
inline void catch_up(Snapshot& snapshot, EventLog& log) {
  std::uint64_t work = 0;
  snapshot.catch_up(log, log.head(), std::uint64_t{1} << 40, &work);
}

inline Subscription subscription(const std::string& request) {
  return Subscription::parse(parse_json(request)).value();
}

// The payloads of the frames in these bytes (unmasked, whole).
inline std::vector<std::string> payloads(std::string_view bytes) {
  std::vector<std::string> out;
  while (!bytes.empty()) {
    std::size_t size = static_cast<unsigned char>(bytes[1]);
    std::size_t header = 2;
    if (size >= 126) {
      const std::size_t width = size == 126 ? 2 : 8;
      size = 0;
      for (std::size_t i = 0; i < width; ++i) {
        size = size << 8 | static_cast<unsigned char>(bytes[2 + i]);
      }
      header += width;
    }
    out.emplace_back(bytes.substr(header, size));
    bytes.remove_prefix(header + size);
  }
  return out;
}

inline std::vector<std::string> payloads(const Outgoing& out) {
  std::vector<std::string> all;
  for (const auto& buffer : out.buffers) {
    for (auto& payload : payloads(std::string_view(*buffer))) all.push_back(std::move(payload));
  }
  return all;
}

// seq of an event, 0 of anything else.
inline std::uint64_t seq_of(const std::string& payload) {
  const auto document = parse_json(payload);
  return document.IsObject() && document.HasMember("seq") && !document.HasMember("status") ? document["seq"].GetUint64()
                                                                     : 0;
}

inline std::vector<std::uint64_t> seqs(const std::vector<std::string>& all) {
  std::vector<std::uint64_t> out;
  for (const auto& payload : all) {
    if (const auto seq = seq_of(payload)) out.push_back(seq);
  }
  return out;
}

}  // namespace bridge
