#include "engine/jetstream_stream.h"

#include <doctest/doctest.h>

#include "event/json_document.h"

using namespace bridge;

namespace {

JetStreamOptions options_of(std::int64_t replicas) {
  JetStreamOptions options;
  options.name = "ppo";
  options.replicas = replicas;
  options.bytes_max = 1 << 30;
  options.age_max_s = 86'400;
  return options;
}

// As a server describes the stream that was asked for.
std::string described(const std::string& request) { return R"({"config":)" + request + R"(,"state":{"first_seq":3,"last_seq":9}})"; }

}  // namespace

TEST_CASE("jetstream: what is no answer, or an error, is told as such") {
  for (const char* answer : {"", "[]", "hello", "{}", R"({"state":7})", R"({"error":{"code":503,"description":"no quorum"}})"}) {
    CAPTURE(answer);
    CHECK_FALSE(read_stream_state(answer));
    CHECK_FALSE(read_ack(answer));
    CHECK_FALSE(check_stream(options_of(1), answer));
  }
  CHECK(read_ack(R"({"error":{"code":503,"description":"no quorum"}})").error().message == "JetStream says: no quorum");
  CHECK(api_error_code(R"({"error":{"code":404}})") == 404);
  CHECK(api_error_code(R"({"error":7})") == 0);
  CHECK_FALSE(read_ack(R"({"stream":"ppo","seq":0})"));
  CHECK_FALSE(read_ack(R"({"stream":"ppo","seq":-1})"));
}

TEST_CASE("jetstream: a stream that was made as asked for is as it should be") {
  const std::string request = stream_request(options_of(3));
  REQUIRE(read_document(request));
  const auto checked = check_stream(options_of(3), described(request));
  REQUIRE(checked);
  CHECK(checked.value().empty());
  CHECK(read_ack(R"({"stream":"ppo","seq":12})").value() == 12);
}

TEST_CASE("jetstream: of a stream that differs each difference is named, and one that cannot be read is refused") {
  const auto wrong = check_stream(options_of(3), R"({"config":{"num_replicas":1,"max_age":1000000000}})");
  REQUIRE(wrong);
  CHECK(wrong.value().size() == 3);
  CHECK_FALSE(check_stream(options_of(3), R"({"state":{"first_seq":3,"last_seq":9}})"));
}

TEST_CASE("jetstream: an empty stream ends before it begins") {
  const auto empty = read_stream_state(R"({"state":{"first_seq":0,"last_seq":0}})");
  REQUIRE(empty);
  CHECK(empty.value().first_seq == 1);
  CHECK(empty.value().last_seq == 0);
  CHECK(read_stream_state(R"({"state":{"first_seq":3,"last_seq":9}})").value().first_seq == 3);
}

TEST_CASE("jetstream: where nobody leads, what a replica has is no word on where the log ends") {
  const auto led = [](const char* cluster) {
    return read_stream_state(std::string(R"({"state":{"first_seq":3,"last_seq":9})") + cluster + "}").value().led;
  };
  CHECK(led(""));  // one server alone
  CHECK(led(R"(,"cluster":{"name":"c","leader":"s1"})"));
  CHECK_FALSE(led(R"(,"cluster":{"name":"c"})"));
  CHECK_FALSE(led(R"(,"cluster":{"name":"c","leader":""})"));
}

TEST_CASE("jetstream: a message is its bytes, whatever they are") {
  const auto read = [](const std::string& data) { return read_message(R"({"message":{"subject":"ppo.log.n1","seq":812,"data":")" + data + "\"}}"); };
  const auto bytes = [&](const std::string& data) { return read(data).value().bytes; };
  CHECK(read("UFBPMQ==").value().seq == 812);
  CHECK(bytes("UFBPMQ==") == "PPO1");
  CHECK(bytes("UFBPMSA=") == "PPO1 ");
  CHECK(bytes("UFBPMSB7") == "PPO1 {");
  CHECK(bytes("AAD/") == std::string("\0\0\xff", 3));
  CHECK(bytes("+/+/").size() == 3);
  CHECK(read_message(R"({"message":{"seq":812}})").value().bytes.empty());
  for (const char* wrong : {"UFBPM", "UFBP-_==", "====", "U===", "\u00e9\u00e9"}) {
    CAPTURE(wrong);
    CHECK_FALSE(read(wrong));
  }
  for (const char* wrong : {"", "{}", R"({"message":7})", R"({"message":{"data":"UFBPMQ=="}})", R"({"error":{"code":404}})"}) CHECK_FALSE(read_message(wrong));
}
