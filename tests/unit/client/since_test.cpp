#include "ppo-client/since.h"

#include <string>
#include <variant>

#include <doctest/doctest.h>

using client::parse_since;

TEST_CASE("since: what is no place is refused with it and what is allowed") {
  for (const char* const text :
       {"", "x", "-1", "5x", "m", "last:", "last:x", ":5", "k3f:", "k3f:-1", "1.5",
        "18446744073709551616", "nan s", "infs", "1e3s", "-5m"}) {
    CAPTURE(text);
    const auto since = parse_since(text);
    CHECK_FALSE(since.ok());
    CHECK(since.error().find("--since is '" + std::string(text) + "'; must be") == 0);
  }
}

TEST_CASE("since: a seq, a position, a number of events, a time") {
  CHECK(std::get<feed::SinceSeq>(*parse_since("42")).seq == 42);
  CHECK(std::get<feed::SinceSeq>(*parse_since("18446744073709551615")).seq ==
        18446744073709551615u);
  CHECK(std::get<feed::Position>(*parse_since("k3f:42")) == feed::Position{"k3f", 42});
  CHECK(std::get<feed::Position>(*parse_since("a:b:0")) == feed::Position{"a:b", 0});
  CHECK(std::get<feed::SinceLast>(*parse_since("last:100")).count == 100);
  CHECK(std::get<feed::SinceSeconds>(*parse_since("30s")).seconds == 30);
  CHECK(std::get<feed::SinceSeconds>(*parse_since("5m")).seconds == 300);
  CHECK(std::get<feed::SinceSeconds>(*parse_since("1.5h")).seconds == 5400);
  CHECK(std::get<feed::SinceSeconds>(*parse_since("2d")).seconds == 172800);
}
