#include "ppo-client/json_text.h"

#include <string>

#include <doctest/doctest.h>

#include "feed/json.h"

TEST_CASE("json text: compact keeps every digit and loses only spaces") {
  CHECK(client::compact(" { \"a\" : [ 1.50 , 18446744073709551615 ] ,\n\"b c\" : \" x \" } ") ==
        R"({"a":[1.50,18446744073709551615],"b c":" x "})");
}

TEST_CASE("json text: what could steer a terminal becomes an escape, which means the same") {
  const std::string hostile =
      "{\"a\":\"\xc2\x9b[2J\x7f\xe2\x80\xae \\u001b \xc3\xa9\",\"\xf3\xa0\x80\x81\":1}";
  const std::string safe = client::compact(hostile);
  CHECK(safe == "{\"a\":\"\\u009b[2J\\u007f\\u202e \\u001b \xc3\xa9\",\"\\udb40\\udc01\":1}");
  CHECK(feed::json::as_string(feed::json::member(safe, "a")) ==
        "\xc2\x9b[2J\x7f\xe2\x80\xae \x1b \xc3\xa9");
}

TEST_CASE("json text: pretty is the same over several lines") {
  CHECK(client::pretty(R"({"a":[1,{"b":2.50}],"c":{},"d":[ ],"e":"x,{:"})") ==
        "{\n  \"a\": [\n    1,\n    {\n      \"b\": 2.50\n    }\n  ],\n  \"c\": {},\n  \"d\": [],\n"
        "  \"e\": \"x,{:\"\n}");
  CHECK(client::pretty("5") == "5");
}

TEST_CASE("json text: one line is byte for byte but for line breaks between tokens") {
  CHECK(client::one_line("{\"a\" :\r\n 1.50}") == "{\"a\" :   1.50}");
  CHECK(client::one_line("{\"a\" :\n \"x\xc2\x9b\xe2\x80\xae\"}") == "{\"a\" :  \"x\xc2\x9b\xe2\x80\xae\"}");
  CHECK(client::one_line("{\"a\" :\n \"x\xc2\x9b\xe2\x80\xae\"}", true) == "{\"a\" :  \"x\\u009b\\u202e\"}");
}

TEST_CASE("json text: a number beyond a double hides nothing beside it, and is beyond one again") {
  const auto tree = client::parse(R"({"a":[1e999,-1e999],"b":1.5})");
  REQUIRE(tree);
  CHECK(client::find(*tree, "b")->GetDouble() == 1.5);
  CHECK(client::to_text(*tree) == R"({"a":[1e999,-1e999],"b":1.5})");
}

TEST_CASE("json text: what is invalid or bottomless has no tree") {
  CHECK_FALSE(client::parse(""));
  CHECK_FALSE(client::parse("{"));
  CHECK_FALSE(client::parse(std::string(101, '[') + std::string(101, ']')));
  CHECK_FALSE(client::parse(std::string(1 << 20, '[') + std::string(1 << 20, ']')));
  CHECK(client::parse(std::string(100, '[') + std::string(100, ']')));
  CHECK(client::parse(R"(["[[[[","\"[["])"));
}
