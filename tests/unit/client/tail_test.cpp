#include "ppo-client/tail.h"

#include <unistd.h>

#include <array>
#include <atomic>
#include <future>
#include <string>

#include <doctest/doctest.h>

#include "capture.h"
#include "fake_bridge.h"

using namespace client_tests;
using client::Options;
using client::Output;
using client::TailOptions;
using testing_support::wait_until;

namespace {

// A tail on a thread of its own, into files.
class Running {
 public:
  Running(const FakeBridge& bridge, TailOptions task, bool json = false)
      : out_(out_file_.descriptor(), [] { return false; }),
        err_(err_file_.descriptor(), [] { return false; }) {
    Options options;
    options.url = bridge.url();
    options.backoff = {milliseconds(1), milliseconds(10)};
    options.json = json;
    exit_ = std::async(std::launch::async, [this, options, task] {
      return client::tail(options, task, {}, out_, err_, [this] { return stop_.load(); });
    });
  }
  ~Running() { stop_ = true; }

  std::string out() const { return out_file_.text(); }
  std::string err() const { return err_file_.text(); }
  void stop() { stop_ = true; }
  int exit_code() { return exit_.get(); }

 private:
  Capture out_file_;
  Capture err_file_;
  Output out_;
  Output err_;
  std::atomic<bool> stop_{false};
  std::future<client::ExitCode> exit_;
};

TailOptions count(std::uint64_t events) {
  TailOptions task;
  task.count = events;
  return task;
}

}  // namespace

TEST_CASE("tail: raw output is what came, byte for byte, gaps too, and nothing else") {
  const std::string spaced =
      R"({"type":"x", "data":{"a" : 1.50,"big":18446744073709551615},"seq":2})";
  FakeBridge bridge([&](FakeConnection& connection, int) {
    register_client(connection, "k3f", 0);
    connection.send(event(1));
    connection.send(spaced);
    connection.send(gap(3, 5, "slow_client"));
    connection.send(R"({"status":"error","type":"error","data":{"error_type":"busy"}})");
    connection.send(event(6));
    connection.send(event(7));
    connection.wait_until_gone();
  });
  Running tail(bridge, count(3), true);
  CHECK(tail.exit_code() == client::kExitOk);
  CHECK(tail.out() ==
        event(1) + "\n" + spaced + "\n" + gap(3, 5, "slow_client") + "\n" + event(6) + "\n");
  CHECK(tail.err() ==
        R"(the bridge says: {"status":"error","type":"error","data":{"error_type":"busy"}})"
        "\n");
}

TEST_CASE("tail: of a rule only what passes it is shown and counted, gaps too") {
  FakeBridge bridge([&](FakeConnection& connection, int) {
    register_client(connection, "k3f", 0);
    for (int i = 1; i <= 4; ++i) connection.send(event(i));
    connection.send(gap(5, 6, "slow_client"));
    for (int i = 7; i <= 9; ++i) connection.send(event(i));
    connection.wait_until_gone();
  });
  TailOptions task = count(2);
  task.where = *client::Where::read("* where seq > 3");
  Running tail(bridge, task, true);
  CHECK(tail.exit_code() == client::kExitOk);
  CHECK(tail.out() == event(4) + "\n" + gap(5, 6, "slow_client") + "\n" + event(7) + "\n");
}

TEST_CASE("tail: an outage is told once when it begins and once when it ends") {
  FakeBridge bridge([&](FakeConnection& connection, int number) {
    if (number == 0) {
      register_client(connection, "k3f", 1041);
      connection.send(event(1042));
      return;
    }
    if (number < 4) return;  // attempts that fail
    register_client(connection, "k3f", 1100, number == 4);
    connection.send(event(number == 4 ? 1043 : 1044));
    if (number == 5) connection.wait_until_gone();
  });
  Running tail(bridge, count(3));
  CHECK(tail.exit_code() == client::kExitOk);
  CHECK(tail.err() ==
        "connection lost (the bridge closed the connection); resuming from 1,042\n"
        "connected again, nothing missed\n"
        "connection lost (the bridge closed the connection); resuming from 1,043\n"
        "connected again; not everything missed is still there\n");
}

TEST_CASE("tail: readable lines, with gaps among them") {
  FakeBridge bridge([&](FakeConnection& connection, int) {
    register_client(connection, "k3f", 0, false);
    connection.send(gap(5, 99, "slow_client"));
    connection.send(R"({"type":"system_status","data":{"status":"up"},"seq":100})");
    connection.wait_until_gone();
  });
  Running tail(bridge, count(1));
  CHECK(tail.exit_code() == client::kExitOk);
  CHECK(tail.out() ==
        "-- gap: events 5..99 missing (slow_client) --\n"
        "--:--:--.---    100  system_status                        up\n");
  CHECK(tail.err() == "the bridge's history does not reach back as far as --since asks\n");
}

TEST_CASE("tail: stops when it is told to, and shows what it had before") {
  FakeBridge bridge([&](FakeConnection& connection, int) {
    register_client(connection, "k3f", 0);
    connection.send(event(1));
    connection.wait_until_gone();
  });
  Running tail(bridge, {}, true);
  CHECK(wait_until([&] { return !tail.out().empty(); }));
  tail.stop();
  CHECK(tail.exit_code() == client::kExitOk);
  CHECK(tail.out() == event(1) + "\n");
  CHECK(tail.err().empty());
}

TEST_CASE("tail: ends quietly when nobody reads any more, also while nothing comes") {
  for (const bool events : {false, true}) {
    std::atomic<bool> gone{false};
    FakeBridge bridge([&](FakeConnection& connection, int) {
      register_client(connection, "k3f", 0);
      connection.send(event(1));
      CHECK(wait_until([&] { return gone.load(); }));
      if (events) connection.send(event(2));
      connection.wait_until_gone();
    });
    std::array<int, 2> ends{};
    REQUIRE(::pipe(ends.data()) == 0);
    Capture err_file;
    Output out(ends[1], [] { return false; });
    Output err(err_file.descriptor(), [] { return false; });
    Options options;
    options.url = bridge.url();
    options.json = true;
    auto exit = std::async(std::launch::async, [&] {
      return client::tail(options, {}, {}, out, err, [] { return false; });
    });
    char first = 0;
    CHECK(::read(ends[0], &first, 1) == 1);
    ::close(ends[0]);
    gone = true;
    CHECK(exit.get() == client::kExitOk);
    CHECK(err_file.text().empty());
    ::close(ends[1]);
  }
}

TEST_CASE("tail: a type that no event had so far is told, with those that there are") {
  FakeBridge bridge([](FakeConnection& connection, int) {
    register_client(connection, "k3f", 0);
    connection.send(answer(connection.receive().value_or("{}"),
                           R"("success":true,"result":{"event_types":[{"type":"trade_executed","events":3},{"type":"error","events":1}]})"));
    connection.send(event(1));
    connection.wait_until_gone();
  });
  TailOptions task = count(1);
  task.subscription.types = {{"tade_executed", "trade_*", "err", "error", "episode_*"}};
  Running tail(bridge, task, true);
  CHECK(tail.exit_code() == 0);
  CHECK(tail.out() == event(1) + "\n");
  CHECK(tail.err() ==
        "no event of type tade_executed, err, episode_* since the bridge began; there are trade_executed, error\n");
}

TEST_CASE("tail: a subscription that the bridge refuses has a code of its own") {
  FakeBridge bridge([&](FakeConnection& connection, int) {
    connection.shake_hands();
    connection.send(welcome("k3f", 0));
    connection.send(refusal(connection.receive().value_or("{}"), "bad_request"));
    connection.wait_until_gone();
  });
  Running tail(bridge, {});
  CHECK(tail.exit_code() == client::kExitRefused);
  CHECK(tail.err() == "error: bad_request: as the test wants it\n");
}

TEST_CASE("tail: a bridge that is not there is a failure") {
  auto bridge = std::make_unique<FakeBridge>([](FakeConnection&, int) {});
  Running tail(*bridge, {});
  bridge.reset();
  CHECK(tail.exit_code() == client::kExitFailed);
}
