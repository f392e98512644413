#include "feed/json.h"

#include <string>
#include <vector>

#include <doctest/doctest.h>

namespace json = feed::json;

TEST_CASE("json: what is not one value is not valid") {
  for (const std::string& text :
       {std::string(), std::string("{"), std::string("{}{}"), std::string("{} x"),
        std::string("{\"a\":NaN}"), std::string("[1,]"), std::string("{}\0", 3),
        std::string("\"\x1b\""), std::string("\"\xff\""), std::string(R"("\udc00")"), std::string("'a'"), std::string("01")}) {
    CAPTURE(text);
    CHECK_FALSE(json::valid(text));
  }
  CHECK(json::valid(" {\"a\":1e999} "));
  CHECK(json::valid("5"));
  CHECK(json::valid("[1E+999,-1e-999,\"1e999\"," + std::string(500, '9') + "]"));
  CHECK_FALSE(json::valid("[1e999,01]"));
  CHECK_FALSE(json::valid("[1e999,1e]"));
  CHECK_FALSE(json::valid("[1e999,\""));
}

TEST_CASE("json: 100 levels are valid, and no depth overflows the stack") {
  const auto nested = [](size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); };
  CHECK(json::valid(nested(100)));
  CHECK_FALSE(json::valid(nested(101)));
  CHECK_FALSE(json::valid(nested(1 << 20)));
  size_t elements = 0;
  json::for_each_element(nested(100), [&](std::string_view) { ++elements; });
  CHECK(elements == 1);
}

TEST_CASE("json: members come out as they were written") {
  const std::string text =
      R"( { "a" : { "x,}" : [1, "]\""] } , "b":-1.50e+3 ,"c":"q\"}" , "d":18446744073709551615,)"
      R"("e":[],"f":{},"a":2} )";
  CHECK(json::valid(text));
  CHECK(json::member(text, "a") == R"({ "x,}" : [1, "]\""] })");
  CHECK(json::member(text, "b") == "-1.50e+3");
  CHECK(json::member(text, "c") == R"("q\"}")");
  CHECK(json::member(text, "d") == "18446744073709551615");
  CHECK(json::member(text, "e") == "[]");
  CHECK(json::member(text, "f") == "{}");
  CHECK(json::member(text, "g").empty());
  CHECK(json::member("[1]", "a").empty());
  CHECK(json::member("", "a").empty());
  CHECK(json::member("{}", "a").empty());
}

TEST_CASE("json: elements come out as they were written") {
  std::vector<std::string> elements;
  const auto collect = [&](std::string_view text) { elements.emplace_back(text); };
  json::for_each_element(R"( [ 1 , "a,]" ,{"b":[2]}, null,[ ] ] )", collect);
  CHECK(elements == std::vector<std::string>{"1", R"("a,]")", R"({"b":[2]})", "null", "[ ]"});
  elements.clear();
  json::for_each_element("[ ]", collect);
  json::for_each_element("{\"a\":1}", collect);
  json::for_each_element("", collect);
  CHECK(elements.empty());
}

TEST_CASE("json: integers are read whole or not at all") {
  CHECK(json::as_u64("18446744073709551615") == 18446744073709551615u);
  for (const char* const text : {"", "18446744073709551616", "-1", "1.0", "1e3", "\"1\"", "null"}) {
    CHECK_FALSE(json::as_u64(text));
  }
}

TEST_CASE("json: strings are read with their escapes, and written with them") {
  CHECK(json::as_string(R"("plain")") == "plain");
  CHECK(json::as_string(R"("a\"b\\\u00e9\ud83d\ude00")") == "a\"b\\\xc3\xa9\xf0\x9f\x98\x80");
  CHECK_FALSE(json::as_string("1"));
  CHECK_FALSE(json::as_string(""));
  CHECK(json::quote("a\"b\\\n\x1b") == "\"a\\\"b\\\\\\n\\u001B\"");
  CHECK(json::quote("Saradomin's \xc3\xa9") == "\"Saradomin's \xc3\xa9\"");
}

TEST_CASE("json: an object is composed member by member") {
  json::Object object;
  CHECK(object.text() == "{}");
  object.add_string("a", "x\"").add_number("b", 18446744073709551615u).add("c", "[1]");
  CHECK(object.text() == R"({"a":"x\"","b":18446744073709551615,"c":[1]})");
}
