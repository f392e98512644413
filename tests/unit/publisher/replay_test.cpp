// What a bridge that misses events gets from a publisher.
#include <doctest/doctest.h>
#include <ppo_publisher/publisher.h>

#include <atomic>
#include <chrono>
#include <limits>
#include <string>
#include <thread>

#include "fake_bridge.h"
#include "fake_control.h"
#include "support/json.h"
#include "support/wait.h"

using ppo::Command;
using ppo::CommandResult;
using ppo::CommandThread;
using ppo::Publisher;
using ppo::PublisherOptions;
using ppo::test::Ask;
using ppo::test::FakeBridge;
using ppo::test::FakeControl;
using ppo::test::kSource;
using ppo::test::options_for;
using std::chrono::milliseconds;
using std::chrono::seconds;
using testing_support::Json;
using testing_support::wait_until;

namespace {

Ask range(std::uint64_t from, std::uint64_t to) {
  return {"_replay", R"({"from":)" + std::to_string(from) + R"(,"to":)" + std::to_string(to) + "}"};
}

// The numbers in an answer: "3-7", or "none".
std::string numbers(const Json& reply) {
  const std::size_t count = reply.size("/result/events");
  if (count == 0) return "none";
  const auto at = [&](std::size_t i) {
    return reply.integer("/result/events/" + std::to_string(i) + "/source_seq");
  };
  for (std::size_t i = 1; i < count; ++i) {
    if (at(i) != at(i - 1) + 1) return "not in order";
  }
  return std::to_string(at(0)) + "-" + std::to_string(at(count - 1));
}

}  // namespace

TEST_CASE("replay: events can be had whether they were sent or not, without any command") {
  FakeControl control;
  FakeBridge bridge;
  PublisherOptions options = options_for(control.endpoint());
  options.endpoint = bridge.endpoint();
  Publisher publisher(options);
  for (int i = 0; i < 10; ++i) publisher.publish("tick", R"({"x":12345678901234567890123})");
  REQUIRE(wait_until([&] {
    bridge.greet();
    return publisher.stats().sent == 10;
  }));
  bridge.close();
  REQUIRE(wait_until([&] { return !publisher.stats().connected; }));
  for (int i = 0; i < 10; ++i) publisher.publish("tick", "{}");
  const std::string text = control.ask(kSource, range(8, 12));
  CHECK(numbers(Json(text)) == "8-12");
  CHECK(text.find(R"({"type":"tick","data":{"x":12345678901234567890123},"timestamp":)") !=
        std::string::npos);
  CHECK(numbers(Json(control.ask(kSource, range(1, 1000)))) == "1-20");
  CHECK(numbers(Json(control.ask(kSource, range(21, 30)))) == "none");
  CHECK(publisher.stats().replayed == 25);
  CHECK(publisher.command_stats().connected);
}

TEST_CASE("replay: an answer is a mebibyte at most") {
  FakeControl control;
  Publisher publisher(options_for(control.endpoint()));
  const std::string data = R"({"x":")" + std::string(1000, 'x') + "\"}";
  for (int i = 0; i < 3000; ++i) publisher.publish("tick", data);
  const std::string text = control.ask(kSource, range(1, 3000));
  CHECK(text.size() < 1024 * 1024 + 200);
  CHECK(text.size() > 1024 * 1024 - 3000);
  CHECK(numbers(Json(text)).find("1-") == 0);
}

TEST_CASE("replay: what the ring has let go is not in the answer") {
  FakeControl control;
  PublisherOptions options = options_for(control.endpoint());
  options.ring_events_max = 100;
  Publisher publisher(options);
  for (int i = 0; i < 250; ++i) publisher.publish("tick", "{}");
  CHECK(numbers(Json(control.ask(kSource, range(1, 250)))) == "151-250");
  CHECK(numbers(Json(control.ask(kSource, range(1, 150)))) == "none");
  constexpr auto kLast = std::numeric_limits<std::uint64_t>::max();
  CHECK(numbers(Json(control.ask(kSource, range(0, kLast)))) == "151-250");
  CHECK(numbers(Json(control.ask(kSource, range(kLast, kLast)))) == "none");
  CHECK(numbers(Json(control.ask(kSource, range(kLast, 0)))) == "none");
}

TEST_CASE("replay: requests that are none are refused") {
  FakeControl control;
  Publisher publisher(options_for(control.endpoint()));
  for (const char* params :
       {"{}", R"({"from":1})", R"({"from":"1","to":2})", R"({"from":-1,"to":2})",
        R"({"from":1,"to":18446744073709551616})", R"({"from":1,"to":1e30})"}) {
    CHECK(Json(control.ask(kSource, {"_replay", params})).string("/error/error_type") ==
          "bad_request");
  }
  Ask other = range(1, 2);
  other.run = "another";
  CHECK(Json(control.ask(kSource, other)).string("/error/error_type") == "rejected");
}

TEST_CASE("replay: it waits for no handler, and for no program that does not poll") {
  FakeControl control;
  Publisher publisher(options_for(control.endpoint()));
  publisher.publish("tick", "{}");
  std::atomic<bool> running{false};
  std::atomic<bool> go_on{false};
  REQUIRE(publisher.on_command("polled", [](const Command&) { return CommandResult::success(); }));
  REQUIRE(publisher.on_command(
      "slow",
      [&](const Command&) {
        running = true;
        CHECK(wait_until([&] { return go_on.load(); }));
        return CommandResult::success();
      },
      CommandThread::kLibrary));
  REQUIRE(control.send(kSource, Ask{"polled", "{}", "c-1"}));
  REQUIRE(control.send(kSource, Ask{"slow", "{}", "c-2"}));
  REQUIRE(wait_until([&] { return running.load(); }));
  CHECK(numbers(Json(control.ask(kSource, range(1, 1)))) == "1-1");
  go_on = true;
}

TEST_CASE("replay: a publisher that closes lets its bridge ask for the tail, and not for ever") {
  FakeControl control;
  FakeBridge bridge;
  PublisherOptions options = options_for(control.endpoint());
  options.endpoint = bridge.endpoint();
  options.flush_ms = 5000;
  Publisher publisher(options);
  publisher.publish("tick", "{}");
  REQUIRE(wait_until([&] {
    bridge.greet();
    return publisher.stats().sent == 1 && publisher.command_stats().connected;
  }));
  const auto start = std::chrono::steady_clock::now();
  std::thread closing([&] { publisher.close(); });
  // The bridge hears of the end, and only then asks.
  for (bool stopped = false; !stopped;) {
    const auto message = bridge.receive();
    REQUIRE(message);
    stopped = message->topic == "_source/trainer-1/" &&
              Json(message->body).string("/data/state") == "stopped";
  }
  CHECK(numbers(Json(control.ask(kSource, range(1, 1)))) == "1-1");
  CHECK(numbers(Json(control.ask(kSource, range(1, 1)))) == "1-1");
  closing.join();
  CHECK(std::chrono::steady_clock::now() - start < seconds(15));
}

TEST_CASE("replay: publishing goes on while a bridge asks again and again") {
  FakeControl control;
  Publisher publisher(options_for(control.endpoint()));
  std::atomic<bool> done{false};
  std::thread program([&] {
    while (!done) publisher.publish("tick", R"({"x":"some text of an event"})");
  });
  std::string text;
  for (int i = 0; i < 20; ++i) {
    const std::uint64_t head = publisher.stats().source_seq;
    text = control.ask(kSource, range(head > 500 ? head - 500 : 1, head + 1000));
    CHECK(numbers(Json(text)) != "not in order");
  }
  done = true;
  program.join();
}
