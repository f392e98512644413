#include "json_text.h"

#include <doctest/doctest.h>

#include <string>

using ppo::check_json_object;
using ppo::JsonText;

namespace {

std::string nested(int depth) {
  std::string text = "{\"a\":";
  for (int i = 1; i < depth; ++i) text += '[';
  text += '1';
  for (int i = 1; i < depth; ++i) text += ']';
  return text + '}';
}

}  // namespace

TEST_CASE("json: what is not one object is malformed") {
  for (const char* text : {"",
                           " ",
                           "1",
                           "[]",
                           "\"a\"",
                           "null",
                           "{",
                           "}",
                           "{}{}",
                           "{} x",
                           "{\"a\"}",
                           "{\"a\":}",
                           "{\"a\":1,}",
                           "{,}",
                           "{a:1}",
                           "{'a':1}",
                           "{\"a\":1 \"b\":2}",
                           "{\"a\":[1,]}",
                           "{\"a\":[1}",
                           "{\"a\":tru}",
                           "{\"a\":nullx}",
                           "{\"a\":\"b}",
                           "\xEF\xBB\xBF{}"}) {
    CAPTURE(std::string(text));
    CHECK(check_json_object(text) == JsonText::malformed);
  }
  CHECK(check_json_object(std::string_view("{}\0", 3)) == JsonText::malformed);
}

TEST_CASE("json: NaN, Infinity and -Infinity are values, and nothing like them") {
  CHECK(check_json_object(R"({"a":NaN,"b":[Infinity,-Infinity]})") == JsonText::object);
  for (const char* text : {"nan", "NAN", "-NaN", "Inf", "-Inf", "infinity", "+Infinity", "NaN1"}) {
    CAPTURE(std::string(text));
    CHECK(check_json_object(std::string("{\"a\":") + text + "}") == JsonText::malformed);
  }
}

TEST_CASE("json: a line break between tokens is told, one inside a string is malformed") {
  CHECK(check_json_object("{ \t\"a\" : 1 }") == JsonText::object);
  CHECK(check_json_object("{\n\"a\":1}") == JsonText::object_with_breaks);
  CHECK(check_json_object("{\"a\":1}\r\n") == JsonText::object_with_breaks);
  CHECK(check_json_object("{\r\"a\":1}") == JsonText::object_with_breaks);
  CHECK(check_json_object("{\"a\":\"b\nc\"}") == JsonText::malformed);
  CHECK(check_json_object(R"({"a":"b\nc"})") == JsonText::object);
}

TEST_CASE("json: 63 levels are taken, 64 are not, and no depth overflows the stack") {
  CHECK(check_json_object(nested(63)) == JsonText::object);
  CHECK(check_json_object(nested(64)) == JsonText::malformed);
  CHECK(check_json_object(nested(1'000'000)) == JsonText::malformed);
}
