#include "net/zmtp.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

using namespace bridge;
using namespace std::string_literals;

namespace {

// As its own RFCs write it, byte by byte.
const std::string kGreeting = "\xff\0\0\0\0\0\0\0\1\x7f\3\1NULL"s + std::string(16 + 1 + 31, '\0');
const std::string kReadyPub = "\x04\x19\5READY\x0bSocket-Type\0\0\0\3PUB"s;
const std::string kHello = kGreeting + kReadyPub;
const std::string kOurGreeting = "\xff\0\0\0\0\0\0\0\1\x7f\3"s + "\0NULL"s + std::string(16 + 1 + 31, '\0');
const std::string kOurs = kOurGreeting + "\x04\x19\5READY\x0bSocket-Type\0\0\0\3SUB"s;
const std::string kSubscription = "\0\1\1"s;

std::string short_frame(char flags, std::string_view body) {
  return std::string(1, flags) + static_cast<char>(body.size()) + std::string(body);
}
std::string long_frame(char flags, std::string_view body) {
  std::string frame(1, static_cast<char>(flags | 2));
  for (int shift = 56; shift >= 0; shift -= 8) frame += static_cast<char>(body.size() >> shift & 0xff);
  return frame + std::string(body);
}

// A peer that says all this, `part` bytes at a time.
struct Heard {
  explicit Heard(const std::string& said, std::size_t part = SIZE_MAX, std::size_t message_bytes_max = 1000)
      : zmtp(message_bytes_max) {
    std::string have;
    std::size_t at = 0;
    while (true) {
      const Zmtp::Step step = zmtp.next(have);
      REQUIRE(step.consumed <= have.size());
      if (step.found == Zmtp::Found::broken) break;
      if (step.found == Zmtp::Found::message) messages.emplace_back(step.message);
      if (step.found == Zmtp::Found::nothing) {
        REQUIRE(step.wanted > have.size());
        if (at == said.size()) break;
        const std::size_t some = std::min(part, said.size() - at);
        have.append(said, at, some);
        at += some;
        most = std::max(most, have.size());
        continue;
      }
      have.erase(0, step.consumed);
    }
    answer = zmtp.unsent();
  }
  Zmtp zmtp;
  std::vector<std::string> messages;
  std::string answer;
  std::size_t most = 0;
};

using Broken = Zmtp::Broken;

}  // namespace

TEST_CASE("zmtp: a PUB is greeted and subscribed to, however its bytes are cut") {
  const std::string said = kHello + short_frame(0, "one") + long_frame(0, std::string(600, 'x')) + short_frame(0, "");
  for (const std::size_t part : {std::size_t{1}, std::size_t{2}, std::size_t{7}, std::size_t{64}, SIZE_MAX}) {
    const Heard heard(said, part);
    CHECK(heard.zmtp.ready());
    CHECK(heard.messages == std::vector<std::string>{"one", std::string(600, 'x'), ""});
    CHECK(heard.answer == kOurs + kSubscription);
  }
}

TEST_CASE("zmtp: nothing but the version is said before the peer has said its own") {
  CHECK(Heard("").answer == kOurs.substr(0, 11));
  CHECK(Heard(kGreeting.substr(0, 10)).answer == kOurs.substr(0, 11));
  CHECK(Heard(kGreeting.substr(0, 11)).answer == kOurGreeting);
  CHECK(Heard(kGreeting).answer == kOurGreeting);
}

TEST_CASE("zmtp: READY is said behind the peer's, or once it is to be") {
  Zmtp zmtp(1000);
  (void)zmtp.next({});
  zmtp.say_ready();
  CHECK(zmtp.unsent() == kOurGreeting.substr(0, 11));
  CHECK(zmtp.next(kGreeting).consumed == kGreeting.size());
  zmtp.say_ready();
  zmtp.say_ready();
  CHECK(zmtp.unsent() == kOurs);
  CHECK(zmtp.next(kReadyPub).consumed == kReadyPub.size());
  CHECK(zmtp.unsent() == kOurs + kSubscription);
}

TEST_CASE("zmtp: ZMTP 2.0, of ZeroMQ 3 and older ports of it, is spoken too") {
  const std::string signature = "\xff\0\0\0\0\0\0\0\1\x7f\1"s;
  for (const char type : {'\1', '\x09'}) {
    for (const std::size_t part : {std::size_t{1}, SIZE_MAX}) {
      const Heard heard(signature + type + "\0\3who"s + short_frame(1, "topic") + short_frame(0, "body"), part);
      CHECK(heard.messages == std::vector<std::string>{"body"});
      CHECK(heard.answer == "\xff\0\0\0\0\0\0\0\1\x7f\3\2\0\0\0\1\1"s);
    }
  }
  CHECK(Heard(signature + "\5\0\0"s).zmtp.broken() == Broken::protocol);       // a DEALER
  CHECK(Heard(signature + "\1\0\0\4\1x"s).zmtp.broken() == Broken::protocol);  // it knows no commands
}

TEST_CASE("zmtp: the last frame is the message, and those before it are passed over without being kept") {
  std::string topics = short_frame(1, "topic") + long_frame(1, std::string(900, 't'));
  CHECK(Heard(kHello + topics + short_frame(0, "body")).messages == std::vector<std::string>{"body"});
  std::string endless;
  for (int i = 0; i < 50; ++i) endless += short_frame(1, "part");
  const Heard heard(kHello + endless + short_frame(0, "end"), 10);
  CHECK(heard.messages == std::vector<std::string>{"end"});
  CHECK(heard.most < 80);
  // All frames together are no longer than a message may be.
  for (int i = 0; i < 500; ++i) endless += short_frame(1, "");
  CHECK(Heard(kHello + endless, 10).zmtp.broken() == Broken::too_large);
  CHECK(Heard(kHello + short_frame(1, "topic") + long_frame(0, std::string(993, 'x'))).messages.size() == 1);
  CHECK(Heard(kHello + short_frame(1, "topic") + long_frame(0, std::string(994, 'x'))).zmtp.broken() ==
        Broken::too_large);
}

TEST_CASE("zmtp: pings are answered with what is in them, so many as are read") {
  const std::string ping =
      "\x04\x0b\4PING\0\x0a"
      "ctx!"s;
  CHECK(Heard(kHello + ping).answer == kOurs + kSubscription + "\x04\x09\4PONGctx!"s);
  std::string many;
  for (int i = 0; i < 10'000; ++i) many += ping;
  CHECK(Heard(kHello + many).answer.size() < 2000);
  // What is behind the sixteenth byte is not sent back.
  const Heard long_one(kHello + short_frame(4, "\4PING\0\1"s + std::string(60, 'c')));
  CHECK(long_one.answer == kOurs + kSubscription + short_frame(4, "\4PONG"s + std::string(16, 'c')));
  CHECK(Heard(kHello + short_frame(4, "\4PING\0"s)).answer == kOurs + kSubscription);
  CHECK(Heard(kHello + short_frame(4, "\7UNKNOWN!"s) + short_frame(0, "m")).messages.size() == 1);
}

TEST_CASE("zmtp: who is no source is sent away, and why is said") {
  const auto why = [](const std::string& said) {
    const Heard heard(said);
    REQUIRE(heard.zmtp.broken() == Broken::protocol);
    return heard.zmtp.failure();
  };
  CHECK(why("GET / HTTP/1.1\r\n") == "what it says is not ZMTP 2 or 3");
  CHECK(why("\1\0"s) == "what it says is not ZMTP 2 or 3");
  CHECK(why("\xff\0\0\0\0\0\0\0\1\x7f\0"s).find("ZMTP 1") != std::string::npos);
  CHECK(why("\xff\0\0\0\0\0\0\0\1\x7e\3"s).find("ZMTP 1") != std::string::npos);
  std::string push = kHello;
  push.replace(push.size() - 3, 3, "REQ");
  CHECK(why(push) == "it is a REQ; events are taken from PUB and XPUB");
  const std::string answer = Heard(push).answer;
  CHECK(answer.substr(kOurGreeting.size()) == short_frame(4,
                                                          "\5ERROR\x23"
                                                          "events are taken from PUB and XPUB"s)
                                                  .replace(8, 1, 1, '\x22'));
  CHECK(why(kGreeting + short_frame(0, "event")) == "there is no READY");
  CHECK(why(kGreeting + short_frame(4, "\4PING\0\1"s)) == "it says PING where READY is wanted");
  CHECK(why(kGreeting + short_frame(4, "")) == "a command has no name");
  CHECK(why(kGreeting + short_frame(4, "\0"s)) == "it says  where READY is wanted");
  CHECK(why(kGreeting + short_frame(4, "\x09READY")) == "a command has no name");
  CHECK(why(kGreeting + short_frame(4, "\5READY")) ==
        "it does not say what socket it is; events are taken from PUB and XPUB");
  for (std::size_t cut = 1; cut < 19; ++cut) {
    CHECK(why(kGreeting + short_frame(4, kReadyPub.substr(2, kReadyPub.size() - 2 - cut))) == "its READY is broken");
  }
  CHECK(why(kHello + short_frame(8, "x")) == "a frame has the flags 8");
  CHECK(why(kHello + short_frame(-128, "x")) == "a frame has the flags 128");
}

TEST_CASE("zmtp: an XPUB is as good, its properties in any order and case") {
  const std::string ready = "\5READY\x08Identity\0\0\0\2me\x0bsocket-TYPE\0\0\0\4XPUB"s;
  CHECK(Heard(kGreeting + short_frame(4, ready) + short_frame(0, "m")).messages.size() == 1);
}

TEST_CASE("zmtp: who wants a mechanism with keys is told apart") {
  std::string curve = kGreeting;
  curve.replace(12, 5, "CURVE");
  CHECK(Heard(curve).zmtp.broken() == Broken::mechanism);
  CHECK(Heard(curve).zmtp.failure() == "it wants the mechanism \"CURVE\", and no key is asked for here (NULL)");
  std::string longer = kGreeting;
  longer.replace(12, 20, "NULLNULLNULLNULLNULL");
  CHECK(Heard(longer).zmtp.broken() == Broken::mechanism);
}

TEST_CASE("zmtp: a message or command beyond its bound ends it, before any of it is there") {
  const auto head = [](char flags, std::uint64_t size) {
    std::string bytes(1, static_cast<char>(flags | 2));
    for (int shift = 56; shift >= 0; shift -= 8) bytes += static_cast<char>(size >> shift & 0xff);
    return bytes;
  };
  CHECK(Heard(kHello + head(0, 1000)).zmtp.broken() == Broken::none);
  for (const std::uint64_t size : {std::uint64_t{1001}, std::uint64_t{1} << 63, UINT64_MAX}) {
    CHECK(Heard(kHello + head(0, size)).zmtp.broken() == Broken::too_large);
    CHECK(Heard(kHello + head(1, size)).zmtp.broken() == Broken::too_large);  // nor is a topic longer
  }
  CHECK(Heard(kHello + head(0, 1001)).zmtp.failure() == "a message of 1001 bytes; at most 1000");
  CHECK(Heard(kHello + head(4, 8192), SIZE_MAX, 1 << 20).zmtp.broken() == Broken::none);
  CHECK(Heard(kHello + head(4, 8193), SIZE_MAX, 1 << 20).zmtp.broken() == Broken::too_large);
  CHECK(Heard(kGreeting + head(4, 8193), SIZE_MAX, 1 << 20).zmtp.broken() == Broken::protocol);
}
