#include "ppo-bot/bridge_link.h"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <thread>
#include <vector>
#include <zmq.hpp>

#include <doctest/doctest.h>

#include "fake_bridge.h"
#include "feed/json.h"
#include "support/wait.h"

using namespace bot;
using namespace bot_tests;
using testing_support::wait_until;
using Kind = BridgeLink::CatchUp::Kind;

namespace {

LinkOptions link_options(const FakeBridge& bridge) {
  LinkOptions options;
  options.events = bridge.events();
  options.commands = bridge.commands();
  options.timeout = testing_support::kPatience;
  return options;
}

bool never() {
  return false;
}

// Connected, subscribed and caught up; returns what that brought.
std::vector<Event> join(BridgeLink& link, const FakeBridge& bridge) {
  std::vector<Event> events;
  REQUIRE(wait_until([&] {
    for (Event& event : link.poll(milliseconds(2))) events.push_back(std::move(event));
    if (!bridge.subscribed("episode_end/") || !link.connected()) return false;
    BridgeLink::CatchUp news = link.catch_up("");
    for (Event& event : news.events) events.push_back(std::move(event));
    return news.kind == Kind::kDone;
  }));
  return events;
}

std::vector<std::uint64_t> seqs(const std::vector<Event>& events) {
  std::vector<std::uint64_t> seqs;
  for (const Event& event : events) seqs.push_back(event.seq);
  return seqs;
}

// What comes by itself until an event of that seq has.
std::vector<Event> poll_until(BridgeLink& link, std::uint64_t seq) {
  std::vector<Event> events;
  REQUIRE(wait_until([&] {
    for (Event& event : link.poll(milliseconds(2))) events.push_back(std::move(event));
    return !events.empty() && events.back().seq >= seq;
  }));
  return events;
}

using Seqs = std::vector<std::uint64_t>;

}  // namespace

TEST_CASE("link: live events come in order, those of types that do not count not at all") {
  FakeBridge bridge;
  BridgeLink link(link_options(bridge), never);
  CHECK_FALSE(link.sound());
  CHECK(join(link, bridge).empty());
  CHECK(link.sound());
  bridge.publish(price("Coal", 100, 110));
  bridge.publish(R"("type":"agent_decision","data":{})");
  bridge.publish(trade("buy", "Coal", 100, 1));
  CHECK(seqs(poll_until(link, 3)) == Seqs{1, 3});
}

TEST_CASE("link: a bot that begins knows the prices of the moment, and no fill of before") {
  FakeBridge bridge;
  bridge.publish(price("Coal", 100, 110));
  bridge.publish(trade("buy", "Coal", 100, 1));
  bridge.publish(price("Coal", 101, 111));
  BridgeLink link(link_options(bridge), never);
  CHECK(seqs(join(link, bridge)) == Seqs{1, 3});
  CHECK(link.certain_seq() == 3);
  CHECK(link.epoch() == "e1");
}

TEST_CASE("link: a fill that was lost on its way is found, once") {
  FakeBridge bridge;
  BridgeLink link(link_options(bridge), never);
  join(link, bridge);
  bridge.publish(trade("buy", "Coal", 100, 1, "", "trainer-1", 1));
  bridge.lose(trade("buy", "Coal", 100, 2, "", "trainer-1", 2));
  bridge.publish(trade("buy", "Coal", 100, 3, "", "trainer-1", 3));
  CHECK(seqs(poll_until(link, 3)) == Seqs{1, 3});
  CHECK(seqs(link.catch_up("").events) == Seqs{2});
  CHECK(link.certain_seq() == 3);
  CHECK(link.catch_up("").events.empty());
}

TEST_CASE("link: what is asked for before it arrives does not come twice") {
  FakeBridge bridge;
  BridgeLink link(link_options(bridge), never);
  join(link, bridge);
  for (const bool anonymous : {false, true}) {
    const std::uint64_t seq =
        bridge.publish(trade("buy", "Coal", 100, 1, "", "trainer-1", anonymous ? 0 : 1));
    CHECK(seqs(link.catch_up("").events) == Seqs{seq});
    const std::uint64_t last = bridge.publish(price("Coal", 100, 110));
    CHECK(seqs(poll_until(link, last)) == Seqs{last});
  }
}

TEST_CASE("link: before an action the newest price of its item is asked for") {
  FakeBridge bridge;
  BridgeLink link(link_options(bridge), never);
  join(link, bridge);
  bridge.lose(price("Coal", 100, 110));
  bridge.lose(price("Iron ore", 50, 60));
  bridge.lose(price("Coal", 90, 95));
  const auto news = link.catch_up("Coal");
  CHECK(news.kind == Kind::kDone);
  CHECK(seqs(news.events) == Seqs{3});
}

TEST_CASE("link: after a cut nothing comes until all that was missed was asked for, page by page") {
  FakeBridge bridge;
  LinkOptions options = link_options(bridge);
  options.page_events = 3;
  BridgeLink link(options, never);
  join(link, bridge);
  bridge.publish(trade("buy", "Coal", 100, 1));
  poll_until(link, 1);
  bridge.stop();
  REQUIRE(wait_until([&] {
    link.poll(milliseconds(2));
    return !link.connected();
  }));
  CHECK_FALSE(link.sound());
  CHECK(link.catch_up("").kind == Kind::kUnavailable);
  for (int n = 0; n < 10; ++n) bridge.lose(trade("buy", "Coal", 100, 1));
  bridge.lose(price("Coal", 100, 110));
  bridge.start("e1");
  REQUIRE(wait_until([&] {
    CHECK(link.poll(milliseconds(2)).empty());
    return link.connected();
  }));
  CHECK_FALSE(link.sound());
  const auto news = link.catch_up("");
  CHECK(news.kind == Kind::kDone);
  CHECK(news.after_cut);
  CHECK_FALSE(news.epoch_changed);
  CHECK_FALSE(news.lost);
  CHECK(seqs(news.events) == Seqs{2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12});
  CHECK(link.sound());
}

TEST_CASE("link: a restarted bridge is recognised, and what a source repeats to it is not new") {
  FakeBridge bridge;
  BridgeLink link(link_options(bridge), never);
  join(link, bridge);
  bridge.publish(price("Coal", 100, 110));
  bridge.publish(trade("buy", "Coal", 100, 1, "", "trainer-1", 1));
  bridge.publish(trade("buy", "Coal", 100, 2, "", "trainer-1", 2));
  poll_until(link, 3);
  bridge.stop();
  REQUIRE(wait_until([&] {
    link.poll(milliseconds(2));
    return !link.connected();
  }));
  bridge.start("e2");
  bridge.lose(trade("buy", "Coal", 100, 1, "", "trainer-1", 1));
  bridge.lose(trade("buy", "Coal", 100, 2, "", "trainer-1", 2));
  bridge.lose(trade("buy", "Coal", 100, 3, "", "trainer-1", 3));
  bridge.lose(price("Coal", 101, 111));
  bridge.lose(trade("buy", "Coal", 100, 1, "", "trainer-1", 1, "r2"));
  REQUIRE(wait_until([&] {
    CHECK(link.poll(milliseconds(2)).empty());
    return link.connected();
  }));
  const auto news = link.catch_up("");
  CHECK(news.kind == Kind::kDone);
  CHECK(news.epoch_changed);
  CHECK(seqs(news.events) == Seqs{3, 4, 5});
  CHECK(link.epoch() == "e2");
  CHECK(link.certain_seq() == 5);
  REQUIRE(wait_until([&] { return bridge.subscribed("margin_update/"); }));
  bridge.publish(price("Coal", 102, 112));
  CHECK(seqs(poll_until(link, 6)) == Seqs{6});
}

TEST_CASE("link: events that the bridge no longer holds are told as lost, the rest still comes") {
  FakeBridge bridge;
  LinkOptions options = link_options(bridge);
  options.page_events = 2;
  BridgeLink link(options, never);
  join(link, bridge);
  for (int n = 0; n < 6; ++n) bridge.lose(trade("buy", "Coal", 100, 1));
  bridge.evict(3);
  const auto news = link.catch_up("");
  CHECK(news.kind == Kind::kDone);
  CHECK(news.lost);
  CHECK(seqs(news.events) == Seqs{4, 5, 6});
  bridge.lose(trade("buy", "Coal", 100, 1));
  bridge.evict(7);
  CHECK(link.catch_up("").lost);
  CHECK_FALSE(link.catch_up("").lost);
}

TEST_CASE("link: a question without answer ends in time, and the next one is answered") {
  FakeBridge bridge;
  bridge.on_command([](const Question&) { return success(R"({"step":5})"); });
  LinkOptions options = link_options(bridge);
  options.timeout = milliseconds(100);
  BridgeLink link(options, never);
  bridge.mute(true);
  const auto begun = std::chrono::steady_clock::now();
  const Answer none = link.ask("pause", "{}");
  CHECK(std::chrono::steady_clock::now() - begun >= milliseconds(100));
  CHECK(none.kind == Answer::Kind::kUnknown);
  CHECK(none.error_type == "no_answer");
  CHECK(link.answers_missed() == 1);
  bridge.mute(false);
  CHECK(wait_until([&] {
    const Answer some = link.ask("pause", "{}", "agent_0", "key", milliseconds(60'000));
    return some.kind == Answer::Kind::kDone && some.result == R"({"step":5})" &&
           some.source == "trainer-1";
  }));
  const std::string asked = bridge.asked("pause").back().text;
  CHECK(feed::json::member(asked, "target") == R"("agent_0")");
  CHECK(feed::json::member(asked, "idempotency_key") == R"("key")");
  CHECK(feed::json::as_u64(feed::json::member(asked, "deadline_ms")) == 100u);
  CHECK(feed::json::member(asked, "token").empty());
}

TEST_CASE("link: a bridge that is not there keeps nobody waiting for longer than asked") {
  FakeBridge bridge;
  LinkOptions options = link_options(bridge);
  bridge.stop();
  options.timeout = milliseconds(50);
  options.token = "secret";
  BridgeLink link(options, never);
  for (int n = 0; n < 3; ++n) CHECK(link.ask("pause", "{}").kind == Answer::Kind::kUnknown);
  bridge.start("e1");
  bridge.on_command([](const Question&) { return success("{}"); });
  CHECK(wait_until([&] { return link.ask("pause", "{}").kind == Answer::Kind::kDone; }));
  CHECK(feed::json::member(bridge.asked("pause").back().text, "token") == R"("secret")");
}

TEST_CASE("link: answers that are none, refusals and lost trainers are told apart") {
  FakeBridge bridge;
  BridgeLink link(link_options(bridge), never);
  const auto answer = [&](const std::string& members) {
    bridge.on_command([members](const Question&) { return members; });
    return link.ask("x", "{}");
  };
  CHECK(answer(R"("success":true)").kind == Answer::Kind::kDone);
  CHECK(answer(refusal("rejected")).kind == Answer::Kind::kRefused);
  CHECK(answer(refusal("rejected")).error == "as the test wants it");
  CHECK(answer(refusal("ambiguous_target")).kind == Answer::Kind::kRefused);
  CHECK(answer(refusal("timeout")).kind == Answer::Kind::kUnknown);
  CHECK(answer(refusal("unknown_outcome")).kind == Answer::Kind::kUnknown);
  CHECK(answer(R"("success":true,)").error_type == "bad_answer");
}

TEST_CASE(
    "link: a bridge that will not have the bot is told, and one that is busy is tried again") {
  for (const char* const error : {"unauthorized", "busy"}) {
    // A bridge of its own: this one answers nothing but errors.
    zmq::context_t context;
    zmq::socket_t pub(context, zmq::socket_type::pub);
    zmq::socket_t router(context, zmq::socket_type::rep);
    for (zmq::socket_t* const socket : {&pub, &router}) {
      socket->set(zmq::sockopt::linger, 0);
      socket->bind("tcp://127.0.0.1:*");
    }
    LinkOptions options;
    options.events = pub.get(zmq::sockopt::last_endpoint);
    options.commands = router.get(zmq::sockopt::last_endpoint);
    options.timeout = testing_support::kPatience;
    BridgeLink link(options, never);
    REQUIRE(wait_until([&] {
      link.poll(milliseconds(2));
      return link.connected();
    }));
    std::thread answering([&] {
      zmq::message_t question;
      if (!router.recv(question)) return;
      const std::string id(feed::json::member(question.to_string_view(), "id"));
      const std::string reply = R"({"status":"error","id":)" + id + R"(,"data":{"error_type":")" +
                                error + R"(","message":"no"}})";
      router.send(zmq::buffer(reply), zmq::send_flags::none);
    });
    const auto news = link.catch_up("");
    answering.join();
    CHECK(news.kind == (std::string(error) == "busy" ? Kind::kUnavailable : Kind::kRefused));
    CHECK(news.error == std::string(error) + ": no");
  }
}

TEST_CASE("link: prices of other sources are left out where one is named") {
  FakeBridge bridge;
  LinkOptions options = link_options(bridge);
  options.prices_from = "trainer-1";
  BridgeLink link(options, never);
  join(link, bridge);
  CHECK(bridge.subscribed("margin_update/trainer-1/"));
  CHECK_FALSE(bridge.subscribed("margin_update/"));
  bridge.publish(price("Coal", 1, 2, "trainer-10"));
  bridge.publish(price("Coal", 100, 110, "trainer-1"));
  CHECK(seqs(poll_until(link, 2)) == Seqs{2});
}
