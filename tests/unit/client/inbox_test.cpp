#include "feed/inbox.h"

#include <string>
#include <thread>

#include <doctest/doctest.h>

using feed::Inbox;
using feed::Message;
using std::chrono::milliseconds;

namespace {

Message text(const std::string& value) {
  Message message;
  message.text = value;
  return message;
}

}  // namespace

TEST_CASE("inbox: full by messages, and to be read on when half empty") {
  Inbox inbox({4, 1u << 20});
  for (int i = 0; i < 3; ++i) CHECK(inbox.push(text("x")) == Inbox::Level::kRoom);
  CHECK(inbox.push(text("x")) == Inbox::Level::kFull);
  CHECK(inbox.push(text("x")) == Inbox::Level::kFull);
  CHECK_FALSE(inbox.pop(milliseconds(0)).resume);
  CHECK_FALSE(inbox.pop(milliseconds(0)).resume);
  CHECK(inbox.pop(milliseconds(0)).resume);
  CHECK_FALSE(inbox.pop(milliseconds(0)).resume);
}

TEST_CASE("inbox: full by bytes") {
  Inbox inbox({1000, 10000});
  CHECK(inbox.push(text(std::string(20000, 'x'))) == Inbox::Level::kFull);
  CHECK(inbox.pop(milliseconds(0)).resume);
}

TEST_CASE("inbox: waits for a message, and no longer than it is told") {
  Inbox inbox({10, 1000000});
  CHECK_FALSE(inbox.pop(milliseconds(1)).message);
  std::thread pusher([&] { (void)inbox.push(text("late")); });
  const auto popped = inbox.pop(milliseconds(15000));
  pusher.join();
  REQUIRE(popped.message);
  CHECK(popped.message->text == "late");
}

TEST_CASE("inbox: closed, it gives what is left and then nothing at once") {
  Inbox inbox({10, 1000000});
  (void)inbox.push(text("left"));
  inbox.close();
  (void)inbox.push(text("too late"));
  CHECK_FALSE(inbox.finished());
  CHECK(inbox.pop(milliseconds(15000)).message->text == "left");
  CHECK_FALSE(inbox.pop(milliseconds(15000)).message);
  CHECK(inbox.finished());
}
