#include "names.h"

#include <doctest/doctest.h>
#include <unistd.h>

#include <string>

using ppo::is_event_type;
using ppo::is_name;

TEST_CASE("names: empty, too long or with other characters is no name") {
  CHECK_FALSE(is_name(""));
  CHECK_FALSE(is_name(std::string(65, 'a')));
  for (const char* text : {"a b", "a/b", "a\"b", "caf\xC3\xA9", "a\nb", "*"}) {
    CAPTURE(std::string(text));
    CHECK_FALSE(is_name(text));
  }
  CHECK_FALSE(is_name(std::string_view("a\0b", 3)));
}

TEST_CASE("names: letters, digits and _ . : - up to 64 are a name") {
  CHECK(is_name("a"));
  CHECK(is_name("_Trainer-1.b:2"));
  CHECK(is_name(std::string(64, 'z')));
}

TEST_CASE("names: an event type has no colon and does not begin with an underscore") {
  CHECK_FALSE(is_event_type(""));
  CHECK_FALSE(is_event_type("a:b"));
  CHECK_FALSE(is_event_type("_source"));
  CHECK_FALSE(is_event_type(std::string(65, 'a')));
  CHECK(is_event_type(std::string(64, 'a')));
  CHECK(is_event_type("trade_executed"));
  CHECK(is_event_type("A.b-9_"));
}

TEST_CASE("names: a made-up source is a name and ends in the process id") {
  const std::string source = ppo::made_up_source();
  const std::string pid = '-' + std::to_string(getpid());
  CHECK(is_name(source));
  REQUIRE(source.size() > pid.size());
  CHECK(source.substr(source.size() - pid.size()) == pid);
}

TEST_CASE("names: every run is another") {
  const std::string run = ppo::fresh_run();
  CHECK(is_name(run));
  CHECK(run.size() == 8);
  CHECK(run != ppo::fresh_run());
}
