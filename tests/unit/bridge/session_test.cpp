#include "conversation/session.h"

#include <doctest/doctest.h>

#include <deque>

#include "fixture.h"

using namespace bridge;

namespace {

// A socket that takes what it is given and reports it written when told to, or at once.
struct FakeSocket : FrameSink {
  std::size_t send(std::vector<std::shared_ptr<const std::string>> buffers) override {
    ++sends;
    std::size_t written = 0;
    for (const auto& frames : buffers) {
      for (auto& payload : payloads(std::string_view(*frames))) got.push_back(std::move(payload));
      if (at_once) {
        written += frames->size();
      } else {
        unwritten.push_back(frames->size());
      }
    }
    return written;
  }
  void ping() override { ++pings; }
  void close(CloseCode code, const std::string&) override { closed = static_cast<int>(code); }
  void post(std::function<void()> f) override { posted.push_back(std::move(f)); }

  std::vector<std::string> got;
  std::deque<std::size_t> unwritten;
  std::deque<std::function<void()>> posted;
  int pings = 0;
  int closed = 0;
  int sends = 0;
  bool at_once = false;
};

struct Connected {
  explicit Connected(SessionOptions options = {"0.0.0"})
      : context{bench.log, bench.cohorts,  bench.dispatcher, bench.replays,
                bench.counters, bench.clock, std::move(options)},
        session(context, socket, 1, "127.0.0.1:1") {
    session.open();
    write_all();
  }
  void write_all() {
    while (!socket.unwritten.empty()) {
      const std::size_t bytes = socket.unwritten.front();
      socket.unwritten.pop_front();
      session.on_written(bytes);
    }
  }

  Bench bench;
  SessionContext context;
  FakeSocket socket;
  Session session;
};

}  // namespace

TEST_CASE("session: a welcome comes first and nothing else unasked") {
  Connected c;
  REQUIRE(c.socket.got.size() == 1);
  const auto welcome = parse_json(c.socket.got[0]);
  CHECK(welcome["type"] == "system_status");
  CHECK(welcome["data"]["status"] == "connected");
  CHECK(welcome["data"]["server"] == "ppo-bridge");
  CHECK(welcome["data"]["protocol"].GetInt() == 1);
  CHECK(welcome["data"]["epoch"] == "epoch1");
  c.bench.event();
  CHECK(c.socket.got.size() == 1);
}

TEST_CASE("session: one batch is with the socket at a time, and the rest waits in the log") {
  Connected c;
  c.session.on_text(R"({"action":"register"})");
  c.write_all();
  c.bench.event();
  CHECK(c.socket.got.size() == 3);
  for (int i = 0; i < 100; ++i) c.bench.event();
  CHECK(c.socket.got.size() == 3);
  CHECK(c.session.info().lag == 100);
  c.write_all();
  CHECK(seqs(c.socket.got).size() == 101);
  CHECK(c.session.info().lag == 0);
  CHECK(c.session.info().events_sent == 101);
}

TEST_CASE("session: a socket that takes all at once is given the next without a turn between") {
  Connected c;
  c.session.on_text(R"({"action":"register"})");
  c.write_all();
  c.socket.at_once = true;
  for (int i = 0; i < 3; ++i) c.bench.event();
  CHECK(seqs(c.socket.got).size() == 3);
  CHECK(c.session.info().lag == 0);
  CHECK(c.socket.posted.empty());
}

TEST_CASE("session: a client with much to catch up gives way to the others turn by turn") {
  Connected c;
  const std::string data = R"({"text":")" + std::string(60'000, 'x') + R"("})";
  for (int i = 0; i < 20; ++i) c.bench.event("note", data);
  c.socket.at_once = true;
  c.session.on_text(R"({"action":"register","since":{"last":20}})");
  int turns = 0;
  for (; !c.socket.posted.empty(); ++turns) {
    const auto next = std::move(c.socket.posted.front());
    c.socket.posted.pop_front();
    next();
  }
  CHECK(seqs(c.socket.got).size() == 20);
  CHECK(turns >= 3);
}

TEST_CASE("session: a ping that is not answered in time closes with 4012, an answered one not") {
  SessionOptions options;
  options.ping_interval_us = 20'000'000;
  options.pong_timeout_us = 60'000'000;
  Connected c(options);
  for (int second = 0; second < 119; ++second) {
    c.bench.clock.advance_us(1'000'000);
    c.session.tick();
    if (second < 40) c.session.on_pong();
  }
  CHECK(c.socket.closed == 0);
  CHECK(c.socket.pings == 5);
  c.bench.clock.advance_us(1'000'000);
  c.session.tick();
  CHECK(c.socket.closed == 4012);
  CHECK(c.bench.counters.clients_closed_no_pong == 1);
}

TEST_CASE("session: a drained client gets all there is and then 1001") {
  Connected c;
  c.session.on_text(R"({"action":"register"})");
  c.write_all();
  c.bench.event();
  c.bench.event();
  c.session.drain();
  CHECK(c.socket.closed == 0);
  c.session.on_text(R"({"action":"ping"})");  // too late
  c.write_all();
  CHECK(seqs(c.socket.got) == std::vector<std::uint64_t>{1, 2});
  CHECK(c.socket.closed == 1001);
}

TEST_CASE("session: a client that floods is closed with 4029, one that never reads with 4008") {
  SessionOptions options;
  options.requests_per_s_max = 10;
  Connected flood(options);
  for (int i = 0; i < 100; ++i) {
    flood.session.on_text(R"({"action":"ping"})");
    flood.write_all();
  }
  CHECK(flood.socket.closed == 4029);
  Connected deaf;
  for (int i = 0; i < 1000; ++i) deaf.session.on_text(R"({"action":"ping"})");
  CHECK(deaf.socket.closed == 4008);
  CHECK(deaf.bench.counters.clients_closed_slow == 1);
}
