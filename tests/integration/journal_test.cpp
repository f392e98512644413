// The journal through the real program: restarts, and resuming behind memory.

#include <doctest/doctest.h>

#include <csignal>
#include <cstdint>
#include <string>
#include <vector>

#include "journal_bridge.h"

using namespace testing_support;

TEST_CASE("journal: after a clean stop the numbering goes on, and so does a client") {
  ScratchDirectory directory;
  const BridgeOptions options = with_journal(directory.file("j"));
  std::string epoch;
  double last_stamp = 0;
  {
    BridgeProcess bridge(options);
    {
      ProtocolClient client(bridge.websocket());
      epoch = client.request(R"({"action":"register"})").string("/epoch");
      EventPublisher publisher(bridge.events_in());
      REQUIRE(publish_numbered(publisher, 1, 100));
      for (int n = 1; n <= 100; ++n) last_stamp = client.next_event().number("/timestamp");
    }
    CHECK(bridge.stop() == 0);
  }
  BridgeProcess bridge(options);
  ProtocolClient client(bridge.websocket());
  CHECK(client.welcome().string("/data/epoch") == epoch);
  CHECK(client.welcome().integer("/data/seq") == 100);
  const Json reply = client.request(since(epoch, 40));
  CHECK(reply.boolean("/recovered"));
  EventPublisher publisher(bridge.events_in());
  REQUIRE(publish_numbered(publisher, 101, 110));
  for (int n = 41; n <= 110; ++n) {
    const Json event = client.next_event();
    REQUIRE(event.integer("/seq") == n);
    REQUIRE(event.integer("/data/n") == n);
    if (n > 100) CHECK(event.number("/timestamp") >= last_stamp);
  }
}

TEST_CASE("journal: after a kill a new epoch begins behind what is on disk, and nothing is missing") {
  ScratchDirectory directory;
  const BridgeOptions options = with_journal(directory.file("j"));
  std::string first;
  std::string second;
  {
    BridgeProcess bridge(options);
    EventPublisher publisher(bridge.events_in());
    ProtocolClient client(bridge.websocket());
    first = client.welcome().string("/data/epoch");
    REQUIRE(publish_numbered(publisher, 1, 50));
    REQUIRE(wait_committed(bridge, 50));
    bridge.process().signal(SIGKILL);
    REQUIRE(bridge.process().wait_exit());
  }
  {
    BridgeProcess bridge(options);
    ProtocolClient client(bridge.websocket());
    second = client.welcome().string("/data/epoch");
    CHECK(second != first);
    CHECK(client.welcome().integer("/data/seq") == 50);
    EventPublisher publisher(bridge.events_in());
    REQUIRE(publish_numbered(publisher, 51, 60));
    REQUIRE(wait_committed(bridge, 60));
    bridge.process().signal(SIGKILL);
    REQUIRE(bridge.process().wait_exit());
  }
  BridgeProcess bridge(options);
  EventPublisher publisher(bridge.events_in());
  REQUIRE(publish_numbered(publisher, 61, 70));
  struct Case {
    std::string epoch;
    std::int64_t seq;
    std::int64_t next;
  };
  // Events 51.. of the first epoch may be others than those of the second.
  for (const Case& c : {Case{first, 20, 21}, Case{first, 55, 51}, Case{second, 55, 56},
                        Case{second, 1000, 61}}) {
    CAPTURE(c.epoch == first);
    CAPTURE(c.seq);
    ProtocolClient client(bridge.websocket());
    CHECK(client.request(since(c.epoch, c.seq)).boolean("/recovered"));
    for (std::int64_t n = c.next; n <= 70; ++n) REQUIRE(client.next_event().integer("/data/n") == n);
  }
  ProtocolClient stranger(bridge.websocket());
  CHECK_FALSE(stranger.request(since("nonsense", 20)).boolean("/recovered"));
  CHECK(stranger.next_message().string("/type") == "gap");
  CHECK(stranger.next_event().integer("/data/n") == 61);
}

TEST_CASE("journal: what memory let go comes from disk and goes over into live") {
  ScratchDirectory directory;
  BridgeProcess bridge(with_journal(directory.file("j"), {"history.events_max=500"}));
  EventPublisher publisher(bridge.events_in());
  constexpr int kPast = 8'000;
  constexpr int kAll = 12'000;
  REQUIRE(publish_numbered(publisher, 1, kPast));
  REQUIRE(wait_committed(bridge, kPast));
  std::vector<ProtocolClient> clients;
  const std::string epoch = ProtocolClient(bridge.websocket()).welcome().string("/data/epoch");
  for (int i = 0; i < 5; ++i) {
    clients.emplace_back(bridge.websocket());
    CHECK(clients.back().request(since(epoch, 100 * i)).boolean("/recovered"));
  }
  ProtocolClient tens(bridge.websocket());
  CHECK(tens.request(R"({"action":"register","subscriptions":["ten"],"since":{"epoch":")" + epoch +
                     R"(","seq":0}})")
            .boolean("/recovered"));
  REQUIRE(publish_numbered(publisher, kPast + 1, kAll));
  for (int i = 0; i < 5; ++i) {
    for (int n = 100 * i + 1; n <= kAll; ++n) {
      REQUIRE(clients[static_cast<std::size_t>(i)].next_event().integer("/seq") == n);
    }
  }
  for (int n = 10; n <= kAll; n += 10) REQUIRE(tens.next_event().integer("/seq") == n);
}

TEST_CASE("journal: the last n that pass, and the last seconds, reach into it") {
  ScratchDirectory directory;
  BridgeProcess bridge(with_journal(directory.file("j"), {"history.events_max=100"}));
  EventPublisher publisher(bridge.events_in());
  REQUIRE(publish_numbered(publisher, 1, 10'000));
  REQUIRE(wait_committed(bridge, 10'000));
  ProtocolClient last(bridge.websocket());
  const Json reply = last.request(R"({"action":"register","since":{"last":5000},"id":7})");
  CHECK(reply.boolean("/recovered"));
  CHECK(reply.integer("/id") == 7);
  for (int n = 5001; n <= 10'000; ++n) REQUIRE(last.next_event().integer("/seq") == n);
  ProtocolClient tens(bridge.websocket());
  CHECK(tens.request(R"({"action":"register","subscriptions":["ten"],"since":{"last":900}})")
            .boolean("/recovered"));
  for (int n = 1010; n <= 10'000; n += 10) REQUIRE(tens.next_event().integer("/seq") == n);
  ProtocolClient more(bridge.websocket());  // than there ever were
  CHECK(more.request(R"({"action":"register","subscriptions":["ten"],"since":{"last":9000}})")
            .boolean("/recovered"));
  CHECK(more.next_event().integer("/seq") == 10);
  ProtocolClient seconds(bridge.websocket());
  CHECK(seconds.request(R"({"action":"register","since":{"seconds":3600}})").boolean("/recovered"));
  // A request right behind it is answered behind it, and finds the stream as it left it.
  CHECK(seconds.request(R"({"action":"ping","id":8})").integer("/id") == 8);
  for (int n = 1; n <= 10'000; ++n) REQUIRE(seconds.next_event().integer("/seq") == n);
}

TEST_CASE("journal: a slow client reads from disk what memory did not wait with") {
  ScratchDirectory directory;
  BridgeProcess bridge(with_journal(
      directory.file("j"), {"history.events_max=1000", "websocket.send_buffer_bytes=16384"}));
  WebSocketOptions small;
  small.receive_buffer_bytes = 4096;
  ProtocolClient slow(bridge.websocket(), small);
  slow.request(R"({"action":"register"})");
  EventPublisher publisher(bridge.events_in());
  constexpr int kEvents = 10'000;
  REQUIRE(publish_numbered(publisher, 1, kEvents, std::string(300, 'x')));
  REQUIRE(wait_committed(bridge, kEvents));
  for (int n = 1; n <= kEvents; ++n) REQUIRE(slow.next_event().integer("/seq") == n);
}

TEST_CASE("journal: what was trimmed is a gap, and what is left follows") {
  ScratchDirectory directory;
  BridgeProcess bridge(with_journal(directory.file("j"),
                                    {"history.events_max=100", "journal.bytes_max=1048576"}));
  EventPublisher publisher(bridge.events_in());
  constexpr int kEvents = 10'000;
  REQUIRE(publish_numbered(publisher, 1, kEvents, std::string(200, 'x')));
  REQUIRE(wait_committed(bridge, kEvents));
  REQUIRE(wait_until([&] { return metric(bridge, "ppo_bridge_journal_bytes") <= 1048576; }));
  ProtocolClient client(bridge.websocket());
  const std::string epoch = client.welcome().string("/data/epoch");
  CHECK_FALSE(client.request(since(epoch, 5)).boolean("/recovered"));
  const Json gap = client.next_message();
  CHECK(gap.string("/type") == "gap");
  CHECK(gap.string("/data/reason") == "evicted");
  CHECK(gap.integer("/data/from_seq") == 6);
  for (std::int64_t n = gap.integer("/data/to_seq") + 1; n <= kEvents; ++n) {
    REQUIRE(client.next_event().integer("/seq") == n);
  }
}

TEST_CASE("journal: with before_delivery nothing is delivered that a kill could take back") {
  ScratchDirectory directory;
  const BridgeOptions options =
      with_journal(directory.file("j"), {"journal.before_delivery=true"});
  std::string epoch;
  std::int64_t seen = 0;
  {
    BridgeProcess bridge(options);
    ProtocolClient client(bridge.websocket());
    epoch = client.request(R"({"action":"register"})").string("/epoch");
    EventPublisher publisher(bridge.events_in());
    REQUIRE(publish_numbered(publisher, 1, 5000));
    while (seen < 1000) seen = client.next_event().integer("/seq");
    bridge.process().signal(SIGKILL);
    REQUIRE(bridge.process().wait_exit());
    while (const auto text = client.connection().receive_text()) seen = Json(*text).integer("/seq");
  }
  BridgeProcess bridge(options);
  ProtocolClient client(bridge.websocket());
  CHECK(client.welcome().integer("/data/seq") >= seen);
  CHECK(client.request(since(epoch, seen)).boolean("/recovered"));
}

TEST_CASE("journal: a replay comes beside the live stream, and can be stopped") {
  ScratchDirectory directory;
  BridgeProcess bridge(with_journal(directory.file("j"), {"history.events_max=100"}));
  EventPublisher publisher(bridge.events_in());
  constexpr int kPast = 3000;
  REQUIRE(publish_numbered(publisher, 1, kPast));
  REQUIRE(wait_committed(bridge, kPast));
  ProtocolClient client(bridge.websocket());
  client.request(R"({"action":"register"})");
  const Json started = client.request(
      R"({"action":"command","command":"replay","params":{"from":11,"speed":0},"id":4})");
  CHECK(started.boolean("/success"));
  CHECK(started.integer("/id") == 4);
  REQUIRE(publish_numbered(publisher, kPast + 1, kPast + 500));
  std::int64_t again = 11;
  std::int64_t live = kPast + 1;
  for (bool ended = false; !ended || live <= kPast + 500;) {
    const Json message = client.next_message();
    if (!message.has("/replay")) {
      REQUIRE(message.integer("/seq") == live++);
    } else if (message.has("/seq")) {
      REQUIRE(message.integer("/seq") == again++);
    } else {
      CHECK(message.string("/type") == "replay_end");
      ended = true;
    }
  }
  CHECK(again == kPast + 1);
  CHECK(client.request(
                  R"({"action":"command","command":"replay","params":{"from":1,"speed":0.001}})")
            .boolean("/success"));
  CHECK(client.request(R"({"action":"command","command":"replay","id":5})").string("/status") ==
        "error");
  CHECK(client.request(R"({"action":"command","command":"replay_stop"})")
            .boolean("/result/stopped"));
}

TEST_CASE("journal: a dead-man's switch outlives a bridge that is killed, and its end does too") {
  ScratchDirectory directory;
  const BridgeOptions options = with_journal(directory.file("j"));
  const auto ask = [](BridgeProcess& bridge, const std::string& command) {
    ProtocolClient client(bridge.websocket());
    client.request(R"({"action":"register","client_id":"me"})");
    return client.request(R"({"action":"command","command":)" + command + "}");
  };
  const std::string disarm = R"("disarm_dead_mans_switch")";
  {
    BridgeProcess bridge(options);
    CHECK(ask(bridge, R"("arm_dead_mans_switch","params":{"timeout_ms":60000,)"
                      R"("on_expiry":{"command":"pause","target":"*"}})")
              .boolean("/result/survives_restart"));
    bridge.process().signal(SIGKILL);
    CHECK(bridge.process().wait_exit() == -SIGKILL);
  }
  {
    BridgeProcess bridge(options);
    CHECK(ask(bridge, disarm).boolean("/result/disarmed"));
    CHECK(bridge.stop() == 0);
  }
  BridgeProcess bridge(options);
  CHECK_FALSE(ask(bridge, disarm).boolean("/result/disarmed"));
  BridgeProcess without;
  CHECK_FALSE(ask(without, R"("arm_dead_mans_switch","params":{"timeout_ms":60000,)"
                           R"("on_expiry":{"command":"pause","target":"*"}})")
                  .boolean("/result/survives_restart"));
}
