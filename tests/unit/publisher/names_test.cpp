#include "names.h"

#include <doctest/doctest.h>
#include <sys/wait.h>
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

TEST_CASE("names: a made-up source names host and program, and no two publishers share it") {
  const std::string source = ppo::made_up_source();
  CHECK(is_name(source));
  CHECK(source.find("-unit_publisher_tests-") != std::string::npos);
  const std::string second = ppo::made_up_source();
  CHECK(second == source + "-2");
  ppo::give_back_source(source);
  CHECK(ppo::made_up_source() == source);  // the same again in this process
  const pid_t child = ::fork();
  if (child == 0) ::_exit(ppo::made_up_source() == source ? 1 : 0);
  int status = 1;
  CHECK(::waitpid(child, &status, 0) == child);
  CHECK(status == 0);
  ppo::give_back_source(source);
  ppo::give_back_source(second);
  ppo::give_back_source("never made up");
}

TEST_CASE("names: every run is another") {
  const std::string run = ppo::fresh_run();
  CHECK(is_name(run));
  CHECK(run.size() == 8);
  CHECK(run != ppo::fresh_run());
}
