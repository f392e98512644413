// Commands as they are on the wire.
#include "command_message.h"

#include <doctest/doctest.h>
#include <ppo_publisher/commands.h>

#include <string>
#include <vector>

#include "support/json.h"

using ppo::parse_request;
using ppo::ParsedRequest;
using testing_support::Json;

TEST_CASE("command message: what is not one JSON object is refused, without an id") {
  for (const std::string& body : std::vector<std::string>{
           "", "x", "[]", "{",
           "{\"id\":\"c-1\",\"command\":\"a\",\"run\":\"r\",\"params\":{\"x\":NaN}}",
           "{\"id\":\"\xFF\"}", std::string(100'000, '['), "{}{}", R"({"id":"\udc00"})",
           "{\"id\":\"c-1\",\"command\":\"a\",\"run\":\"r\",\"params\":{\"x\":1e400}}"}) {
    const ParsedRequest parsed = parse_request(body);
    CHECK_FALSE(parsed.request);
    CHECK_FALSE(parsed.id);
    CHECK(parsed.error_type == "bad_json");
  }
}

TEST_CASE("command message: as deep as the bridge takes a request, and no deeper") {
  const auto nested = [](std::size_t depth) {
    return R"({"id":"1","command":"a","run":"r","params":{"x":)" + std::string(depth - 2, '[') +
           std::string(depth - 2, ']') + "}}";
  };
  CHECK(parse_request(nested(64)).request);
  CHECK(parse_request(nested(65)).error_type == "bad_json");
}

TEST_CASE("command message: a member that is missing or wrong is named with its value and range") {
  struct Bad {
    std::string body;
    std::string message;
  };
  const std::vector<Bad> all = {
      {R"({"command":"a","run":"r"})", "id is missing; must be a string"},
      {R"({"id":7,"command":"a","run":"r"})", "id is 7; must be a string"},
      {R"({"id":"1","run":"r"})", "command is missing; must be a string"},
      {R"({"id":"1","command":"","run":"r"})",
       "command is empty; must be a string of 1 character at least"},
      {R"({"id":"1","command":"a"})", "run is missing; must be a string"},
      {R"({"id":"1","command":"a","run":"r","params":[1]})", "params is [1]; must be an object"},
      {R"({"id":"1","command":"a","run":"r","agent_id":"x y"})",
       "agent_id is 'x y'; must be 1-64 of A-Z a-z 0-9 _ . : -"},
      {R"({"id":"1","command":"a","run":"r","deadline_ms":1.5})",
       "deadline_ms is 1.5; must be an integer of at most 60000"},
      {R"({"id":"1","command":"a","run":"r","deadline_ms":60001})",
       "deadline_ms is 60001; must be an integer of at most 60000"},
      {R"({"id":"1","run":"r","command":")" + std::string(65, 'x') + "\"}",
       "command is 65 bytes long; must be at most 64"},
  };
  for (const Bad& bad : all) {
    const ParsedRequest parsed = parse_request(bad.body);
    CHECK_FALSE(parsed.request);
    CHECK(parsed.error_type == "bad_request");
    CHECK(parsed.message == bad.message);
    CHECK(parsed.id.has_value() == (bad.message.rfind("id ", 0) != 0));
  }
}

TEST_CASE("command message: params keep their digits; what is left out has its default") {
  const ParsedRequest whole = parse_request(
      R"({"id":"c-17","command":"pause","params":{ "n":9007199254740993, "x":0.1,"s":"é\n"},)"
      R"("agent_id":"agent_0","deadline_ms":250,"run":"k3f9a2","more":1})");
  REQUIRE(whole.request);
  CHECK(whole.request->id == "c-17");
  CHECK(whole.request->command == "pause");
  CHECK(whole.request->params == "{\"n\":9007199254740993,\"x\":0.1,\"s\":\"é\\n\"}");
  CHECK(whole.request->agent_id == "agent_0");
  CHECK(whole.request->deadline_ms == 250);
  CHECK(whole.request->run == "k3f9a2");
  const ParsedRequest bare = parse_request(R"({"id":"1","command":"a","run":"r","agent_id":null})");
  REQUIRE(bare.request);
  CHECK(bare.request->params == "{}");
  CHECK(bare.request->agent_id == "");
  CHECK(bare.request->deadline_ms == 2000);
}

TEST_CASE("command message: a result that is no JSON object becomes an error reply") {
  for (const std::string& result :
       std::vector<std::string>{"", "[]", "{\"x\":NaN}", "{\"x\":1", "{}x"}) {
    const Json reply(ppo::result_reply("c-1", result));
    CHECK(reply.string("/id") == "c-1");
    CHECK_FALSE(reply.boolean("/success"));
    CHECK(reply.string("/error/error_type") == "rejected");
    CHECK(reply.string("/error/message") == "the result is not a JSON object");
  }
  const std::string large = "{\"x\":\"" + std::string(ppo::kResultBytesMax, 'x') + "\"}";
  const Json reply(ppo::result_reply("c-1", large));
  CHECK(reply.string("/error/message").find("bytes long; must be at most 1048576") !=
        std::string::npos);
}

TEST_CASE("command message: replies are one line of JSON, whatever is in them") {
  CHECK(ppo::result_reply("c\"1", "{\n\"x\":\t1.50}") ==
        "{\"id\":\"c\\\"1\",\"success\":true,\"result\":{ \"x\":\t1.50}}");
  CHECK(ppo::error_reply({}, "bad_json", "a\nb\xFF") ==
        "{\"id\":null,\"success\":false,\"error\":{\"error_type\":\"bad_json\",\"message\":"
        "\"a\\nb\xEF\xBF\xBD\"}}");
}
