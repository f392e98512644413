#include "feed/bot_feed.h"

#include <chrono>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>
#include <zmq.hpp>

#include <doctest/doctest.h>

#include "fake_bridge.h"
#include "feed/json.h"
#include "support/wait.h"

using namespace bot_tests;
using feed::Answer;
using feed::BotFeed;
using feed::BotFeedOptions;
using std::chrono::milliseconds;
using testing_support::wait_until;
using Kind = BotFeed::News::Kind;

namespace {

BotFeedOptions feed_options(const FakeBridge& bridge) {
  BotFeedOptions options;
  options.events = bridge.events();
  options.commands = bridge.commands();
  options.types = {"trade_executed", "margin_update"};
  options.timeout = testing_support::kPatience;
  return options;
}

using Seqs = std::vector<std::uint64_t>;

// Events' numbers; 0 for a gap.
void add(const BotFeed::News& news, Seqs& seqs) {
  for (const feed::Message& message : news.messages) {
    seqs.push_back(message.envelope.seq.value_or(0));
  }
}

// All that the bridge has.
Seqs all(BotFeed& feed) {
  Seqs seqs;
  REQUIRE(wait_until([&] {
    const BotFeed::News news = feed.catch_up();
    add(news, seqs);
    return news.kind == Kind::kAll;
  }));
  return seqs;
}

}  // namespace

TEST_CASE("bot feed: a sign of something is enough; types that are not wanted do not come") {
  FakeBridge bridge;
  BotFeedOptions options = feed_options(bridge);
  options.check_interval = milliseconds(3'600'000);
  BotFeed feed(options);
  bridge.lose(trade("buy", "Coal", 100, 1));
  CHECK(all(feed).empty());  // from now on
  REQUIRE(wait_until([&] { return bridge.subscribed("margin_update/"); }));
  bridge.lose(trade("buy", "Coal", 100, 1));
  bridge.lose(R"("type":"agent_decision","data":{})");
  CHECK(feed.next(milliseconds(1)).kind == Kind::kQuiet);
  bridge.publish(price("Coal", 100, 110));
  Seqs seqs;
  REQUIRE(wait_until([&] {
    add(feed.next(milliseconds(5)), seqs);
    return !seqs.empty();
  }));
  CHECK(seqs == Seqs{2, 4});
  CHECK(feed.position() == feed::Position{"e1", 4});
}

TEST_CASE("bot feed: without a sign it looks by itself") {
  FakeBridge bridge;
  BotFeedOptions options = feed_options(bridge);
  options.check_interval = milliseconds(10);
  BotFeed feed(options);
  all(feed);
  bridge.lose(trade("buy", "Coal", 100, 1));
  Seqs seqs;
  CHECK(wait_until([&] {
    add(feed.next(milliseconds(5)), seqs);
    return seqs == Seqs{1};
  }));
}

TEST_CASE("bot feed: begins where it is told, and goes on page by page") {
  FakeBridge bridge;
  for (int n = 0; n < 10; ++n) bridge.lose(trade("buy", "Coal", 100, 1));
  BotFeedOptions options = feed_options(bridge);
  options.since = feed::SinceLast{2};
  BotFeed last(options);
  CHECK(all(last) == Seqs{9, 10});
  options.since = feed::Position{"e1", 3};
  options.page_events = 3;
  BotFeed from(options);
  CHECK(from.catch_up().kind == Kind::kMore);
  CHECK(from.position() == feed::Position{"e1", 6});
  CHECK(all(from) == Seqs{7, 8, 9, 10});
}

TEST_CASE(
    "bot feed: a restarted bridge is recognised, and what a source repeats to it is not new") {
  FakeBridge bridge;
  BotFeedOptions options = feed_options(bridge);
  options.timeout = milliseconds(200);
  BotFeed feed(options);
  all(feed);
  bridge.lose(trade("buy", "Coal", 100, 1, "", "trainer-1", 1));
  bridge.lose(trade("buy", "Coal", 100, 2, "", "trainer-1", 2));
  CHECK(all(feed) == Seqs{1, 2});
  bridge.stop();
  CHECK(feed.catch_up().kind == Kind::kUnavailable);
  bridge.start("e2");
  bridge.lose(trade("buy", "Coal", 100, 1, "", "trainer-1", 1));
  bridge.lose(trade("buy", "Coal", 100, 2, "", "trainer-1", 2));
  bridge.lose(trade("buy", "Coal", 100, 3, "", "trainer-1", 3));
  bridge.lose(trade("buy", "Coal", 100, 1, "", "trainer-1", 1, "r2"));
  BotFeed::News news;
  REQUIRE(wait_until([&] { return (news = feed.catch_up()).kind == Kind::kAll; }));
  CHECK(news.epoch_changed);
  Seqs seqs;
  add(news, seqs);
  CHECK(seqs == Seqs{0, 3, 4});
  CHECK(*news.messages[0].gap.to_seq == 0);  // it has all of its own numbering
  CHECK(feed.position() == feed::Position{"e2", 4});
}

TEST_CASE("bot feed: events that the bridge no longer holds are a gap, the rest still comes") {
  FakeBridge bridge;
  BotFeed feed(feed_options(bridge));
  all(feed);
  for (int n = 0; n < 6; ++n) bridge.lose(trade("buy", "Coal", 100, 1));
  bridge.evict(3);
  const BotFeed::News news = feed.catch_up();
  Seqs seqs;
  add(news, seqs);
  CHECK(seqs == Seqs{0, 4, 5, 6});
  CHECK(news.messages[0].kind == feed::Message::Kind::kGap);
  CHECK(*news.messages[0].gap.from_seq == 1);
  CHECK(*news.messages[0].gap.to_seq == 6);
  CHECK(feed::json::valid(news.messages[0].text));
  CHECK(all(feed).empty());
}

TEST_CASE("bot feed: a bridge that is not there is told soon, and not asked again at once") {
  FakeBridge bridge;
  BotFeedOptions options = feed_options(bridge);
  bridge.stop();
  BotFeed feed(options);
  const auto begun = std::chrono::steady_clock::now();
  const BotFeed::News news = feed.next(milliseconds(0));
  CHECK(std::chrono::steady_clock::now() - begun < milliseconds(2'000));
  CHECK(news.kind == Kind::kUnavailable);
  CHECK(news.error.find(bridge.commands()) != std::string::npos);
  bridge.start("e1");
  CHECK(wait_until([&] { return feed.next(milliseconds(5)).kind == Kind::kAll; }));
}

TEST_CASE("bot feed: a question without answer ends in time, and the next one is answered") {
  FakeBridge bridge;
  bridge.on_command([](const Question&) { return success(R"({"step":5})"); });
  BotFeedOptions options = feed_options(bridge);
  options.timeout = milliseconds(100);
  BotFeed feed(options);
  bridge.mute(true);
  const auto begun = std::chrono::steady_clock::now();
  const Answer none = feed.ask("pause", "{}");
  CHECK(std::chrono::steady_clock::now() - begun >= milliseconds(100));
  CHECK(none.kind == Answer::Kind::kUnknown);
  CHECK(none.error_type == "no_answer");
  bridge.mute(false);
  CHECK(wait_until([&] {
    const Answer some = feed.ask("pause", "{}", "agent_0", "key", milliseconds(60'000));
    return some.kind == Answer::Kind::kDone && some.result == R"({"step":5})" &&
           some.source == "trainer-1";
  }));
  const std::string asked = bridge.asked("pause").back().text;
  CHECK(::feed::json::member(asked, "target") == R"("agent_0")");
  CHECK(::feed::json::member(asked, "idempotency_key") == R"("key")");
  CHECK(::feed::json::as_u64(::feed::json::member(asked, "deadline_ms")) == 100u);
  CHECK(::feed::json::member(asked, "token").empty());
}

TEST_CASE("bot feed: a bridge that is not there keeps nobody waiting for longer than asked") {
  FakeBridge bridge;
  BotFeedOptions options = feed_options(bridge);
  bridge.stop();
  options.timeout = milliseconds(50);
  options.token = "secret";
  BotFeed feed(options);
  for (int n = 0; n < 3; ++n) CHECK(feed.ask("pause", "{}").kind == Answer::Kind::kUnknown);
  bridge.start("e1");
  bridge.on_command([](const Question&) { return success("{}"); });
  CHECK(wait_until([&] { return feed.ask("pause", "{}").kind == Answer::Kind::kDone; }));
  CHECK(::feed::json::member(bridge.asked("pause").back().text, "token") == R"("secret")");
}

TEST_CASE("bot feed: answers that are none, refusals and lost trainers are told apart") {
  FakeBridge bridge;
  BotFeed feed(feed_options(bridge));
  const auto answer = [&](const std::string& members) {
    bridge.on_command([members](const Question&) { return members; });
    return feed.ask("x", "{}");
  };
  CHECK(answer(R"("success":true)").kind == Answer::Kind::kDone);
  CHECK(answer(refusal("rejected")).kind == Answer::Kind::kRefused);
  CHECK(answer(refusal("rejected")).error == "as the test wants it");
  CHECK(answer(refusal("ambiguous_target")).kind == Answer::Kind::kRefused);
  CHECK(answer(refusal("timeout")).kind == Answer::Kind::kUnknown);
  CHECK(answer(refusal("unknown_outcome")).kind == Answer::Kind::kUnknown);
  CHECK(answer(R"("success":true,)").error_type == "bad_answer");
}

TEST_CASE("bot feed: a page that leads nowhere is not asked for again and again") {
  zmq::context_t context;
  zmq::socket_t bridge(context, zmq::socket_type::rep), signs(context, zmq::socket_type::pub);
  for (zmq::socket_t* const socket : {&bridge, &signs}) socket->bind("tcp://127.0.0.1:*");
  std::thread answers([&bridge] {
    zmq::message_t question;
    if (!bridge.recv(question)) return;
    const std::string id(feed::json::member(question.to_string_view(), "id"));
    bridge.send(zmq::buffer(R"({"id":)" + id + R"(,"success":true,"result":{"events":[{"type":"t","data":{},"timestamp":1,"seq":3}],)"
                            R"("more":true,"recovered":true,"missed":0,"epoch":"e1","seq":9}})"));
  });
  BotFeedOptions options;
  options.events = signs.get(zmq::sockopt::last_endpoint);
  options.commands = bridge.get(zmq::sockopt::last_endpoint);
  options.types = {"t"};
  options.timeout = testing_support::kPatience;
  options.since = feed::Position{"e1", 3};
  BotFeed feed(options);
  CHECK(feed.catch_up().kind == Kind::kAll);
  answers.join();
}

TEST_CASE(
    "bot feed: a bridge that will not have the bot is told, and one that is busy is tried again") {
  for (const char* const error : {"unauthorized", "busy"}) {
    // A bridge of its own: this one answers nothing but errors.
    zmq::context_t context;
    zmq::socket_t pub(context, zmq::socket_type::pub);
    zmq::socket_t router(context, zmq::socket_type::rep);
    for (zmq::socket_t* const socket : {&pub, &router}) {
      socket->set(zmq::sockopt::linger, 0);
      socket->bind("tcp://127.0.0.1:*");
    }
    BotFeedOptions options;
    options.events = pub.get(zmq::sockopt::last_endpoint);
    options.commands = router.get(zmq::sockopt::last_endpoint);
    options.timeout = testing_support::kPatience;
    BotFeed bot_feed(options);
    std::thread answering([&] {
      zmq::message_t question;
      if (!router.recv(question)) return;
      const std::string id(feed::json::member(question.to_string_view(), "id"));
      const std::string reply = R"({"status":"error","id":)" + id + R"(,"data":{"error_type":")" +
                                error + R"(","message":"no"}})";
      router.send(zmq::buffer(reply), zmq::send_flags::none);
    });
    const auto news = bot_feed.catch_up();
    answering.join();
    CHECK(news.kind == (std::string(error) == "busy" ? Kind::kUnavailable : Kind::kRefused));
    CHECK(news.error == std::string(error) + ": no");
  }
}

TEST_CASE("bot feed: a bridge that does not answer is left for the next, which goes on behind the last event") {
  FakeBridge first;
  FakeBridge second;
  BotFeedOptions options = feed_options(first);
  options.events += "," + second.events();
  options.commands += "," + second.commands();
  options.timeout = milliseconds(200);
  BotFeed feed(options);
  all(feed);
  for (FakeBridge* bridge : {&first, &second}) bridge->lose(trade("buy", "Coal", 100, 1));
  CHECK(all(feed) == Seqs{1});
  first.stop();
  second.lose(trade("buy", "Coal", 100, 1));
  CHECK(all(feed) == Seqs{2});
  REQUIRE(wait_until([&] { return second.subscribed("margin_update/"); }));  // and its signs come from there
  options.commands = first.commands();
  CHECK_THROWS_AS(BotFeed{options}, std::invalid_argument);
}
