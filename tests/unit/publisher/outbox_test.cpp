#include "outbox.h"

#include <doctest/doctest.h>
#include <poll.h>

#include <string>

using ppo::Batch;
using ppo::Outbox;

namespace {

constexpr ppo::RingLimits kLimits{100, 100000, 1000};

bool signalled(Outbox& outbox) {
  pollfd fd{outbox.wake_up().fd(), POLLIN, 0};
  return ::poll(&fd, 1, 0) == 1;
}

}  // namespace

TEST_CASE("outbox: an event that is too large with its envelope is refused and uses no number") {
  Outbox outbox(kLimits, 200, "s", "r");
  CHECK_FALSE(outbox.offer("a", "{\"x\":\"" + std::string(200, 'x') + "\"}"));
  CHECK(outbox.stats().refused == 1);
  CHECK(outbox.stats().source_seq == 0);
  CHECK(outbox.offer("a", "{}"));
  CHECK(outbox.stats().source_seq == 1);
}

TEST_CASE("outbox: an event that no ring of this size can hold is refused") {
  Outbox outbox({100, 150, 1000}, 1000, "s", "r");
  CHECK_FALSE(outbox.offer("a", "{\"x\":\"" + std::string(150, 'x') + "\"}"));
  CHECK(outbox.stats().refused == 1);
}

TEST_CASE("outbox: after close or failure every event is refused, and the first reason stays") {
  Outbox outbox(kLimits, 1000, "s", "r");
  outbox.fail("no bridge here");
  outbox.fail("nor there");
  outbox.close();
  CHECK_FALSE(outbox.offer("a", "{}"));
  CHECK(outbox.stats().refused == 1);
  CHECK(outbox.error() == "no bridge here");
}

TEST_CASE("outbox: nothing is taken before somebody is connected") {
  Outbox outbox(kLimits, 1000, "s", "r");
  outbox.offer("a", "{}");
  CHECK(outbox.take().empty());
  outbox.set_connected(true);
  CHECK(outbox.take().events() == 1);
}

TEST_CASE("outbox: the body on the wire") {
  Outbox outbox(kLimits, 1000, "trainer-1", "k3f9a2");
  outbox.set_connected(true);
  outbox.offer("trade_executed", R"({"item":"Abyssal whip"})");
  const Batch batch = outbox.take();
  const std::string body(batch.body());
  CHECK(batch.topic_type() == "trade_executed");
  const std::string head =
      R"({"type":"trade_executed","data":{"item":"Abyssal whip"},"timestamp":)";
  const std::string tail = R"(,"source":"trainer-1","run":"k3f9a2","source_seq":1})";
  REQUIRE(body.size() > head.size() + tail.size());
  CHECK(body.substr(0, head.size()) == head);
  CHECK(body.substr(body.size() - tail.size()) == tail);
  const std::string stamp = body.substr(head.size(), body.size() - head.size() - tail.size());
  CHECK(stamp.find('.') == stamp.size() - 7);
  CHECK(std::stod(stamp) > 1.6e9);
}

TEST_CASE("outbox: published is sent and dropped and queued, also while a message is in hand") {
  Outbox outbox({3, 100000, 1000}, 1000, "s", "r");
  outbox.set_connected(true);
  for (int i = 0; i < 5; ++i) outbox.offer("a", "{}");
  CHECK(outbox.stats().dropped == 2);
  CHECK(outbox.stats().queued == 3);
  Batch batch = outbox.take();
  CHECK(outbox.stats().queued == 3);
  outbox.sent(std::move(batch));
  CHECK(outbox.stats().sent == 3);
  CHECK(outbox.stats().batches == 1);
  CHECK(outbox.stats().queued == 0);
  outbox.offer("a", "{}");
  outbox.abandon();
  CHECK(outbox.stats().dropped == 3);
  CHECK(outbox.stats().published == 6);
  CHECK(outbox.stats().queued == 0);
}

TEST_CASE("outbox: one wake-up for many events, none while nobody sleeps or is connected") {
  Outbox outbox(kLimits, 1000, "s", "r");
  CHECK(outbox.may_sleep());
  outbox.offer("a", "{}");
  CHECK_FALSE(signalled(outbox));  // nobody to send to
  outbox.set_connected(true);
  CHECK_FALSE(outbox.may_sleep());
  outbox.sent(outbox.take());
  CHECK(outbox.may_sleep());
  outbox.offer("a", "{}");
  CHECK(signalled(outbox));
  outbox.wake_up().clear();
  outbox.offer("a", "{}");
  CHECK_FALSE(signalled(outbox));
  outbox.close();
  CHECK(signalled(outbox));
}

TEST_CASE("outbox: a replay is as long as its limit, from the oldest that there is") {
  Outbox outbox({1000, 1'000'000, 10'000}, 1000, "s", "r");
  outbox.set_connected(true);
  for (int i = 1; i <= 900; ++i) {
    outbox.offer("a", "{\"x\":\"" + std::string(100, 'x') + "\"}");
    if (i % 3 == 0) outbox.sent(outbox.take());
  }
  CHECK(outbox.numbering().head == 900);
  CHECK(outbox.numbering().oldest == 1);
  const std::string all = outbox.replay(1, 900, 1'000'000);
  const std::size_t each = all.size() / 900;
  CHECK(all.find("\"source_seq\":1}") < each);
  CHECK(all.rfind("\"source_seq\":900}") == all.size() - std::string("\"source_seq\":900}").size());
  CHECK(outbox.stats().replayed == 900);
  const std::string some = outbox.replay(10, 900, 50'000);
  CHECK(some.size() <= 50'000);
  CHECK(some.size() > 49'000);
  CHECK(some.find("\"source_seq\":10}") != std::string::npos);
  CHECK_FALSE(outbox.replay(5, 900, 1).empty());
  CHECK(outbox.replay(901, 1000, 1000).empty());
  for (int i = 0; i < 500; ++i) outbox.offer("a", "{}");
  CHECK(outbox.numbering().oldest == 401);
  CHECK(outbox.replay(1, 401, 1'000'000).find("\"source_seq\":401}") != std::string::npos);
  CHECK(outbox.stats().dropped == 0);
}

TEST_CASE("outbox: what is abandoned was not sent, but can be asked for") {
  Outbox outbox(kLimits, 1000, "s", "r");
  outbox.offer("a", "{}");
  outbox.abandon();
  CHECK(outbox.stats().dropped == 1);
  CHECK(outbox.numbering().oldest == 1);
  CHECK(outbox.replay(1, 1, 1000).find("\"source_seq\":1}") != std::string::npos);
}
