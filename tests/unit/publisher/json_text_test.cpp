#include "json_text.h"

#include <doctest/doctest.h>
#include <rapidjson/memorystream.h>
#include <rapidjson/reader.h>

#include <random>
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

// An independent opinion, for texts without NaN, Infinity, deep nesting and surrogates (it takes
// low ones alone).
bool rapidjson_accepts(std::string_view text) {
  constexpr unsigned kFlags =
      rapidjson::kParseValidateEncodingFlag | rapidjson::kParseNumbersAsStringsFlag;
  rapidjson::MemoryStream memory(text.data(), text.size());
  rapidjson::EncodedInputStream<rapidjson::UTF8<>, rapidjson::MemoryStream> stream(memory);
  rapidjson::BaseReaderHandler<> handler;
  rapidjson::Reader reader;
  return !reader.Parse<kFlags>(stream, handler).IsError();
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

TEST_CASE("json: numbers are RFC 8259's, of any length") {
  for (const char* number :
       {"01", "+1", ".5", "1.", "1e", "1e+", "-", "--1", "0x1", "1_0", "1.e5"}) {
    CAPTURE(std::string(number));
    CHECK(check_json_object(std::string("{\"a\":") + number + "}") == JsonText::malformed);
  }
  for (const char* number : {"0", "-0", "10", "0.5", "-1.25e-10", "1E400", "9223372036854775807",
                             "-123456789012345678901234567890"}) {
    CAPTURE(std::string(number));
    CHECK(check_json_object(std::string("{\"a\":") + number + "}") == JsonText::object);
  }
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
  CHECK(check_json_object("{\"a\":\"b\nc\"}") == JsonText::malformed);
  CHECK(check_json_object(R"({"a":"b\nc"})") == JsonText::object);
}

TEST_CASE("json: strings hold well-formed UTF-8, known escapes and paired surrogates only") {
  for (const char* string : {"\x80", "\xC0\xAF", "\xE0\x80\x80", "\xED\xA0\x80", "\xF4\x90\x80\x80",
                             "\xF5", "\xC3", "\xE2\x82", "\x01", "\\x", "\\u12", "\\u12G4",
                             "\\ud800", "\\ud800x", "\\ud800\\u0041", "\\udc00"}) {
    CAPTURE(std::string(string));
    CHECK(check_json_object(std::string("{\"a\":\"") + string + "\"}") == JsonText::malformed);
  }
  for (const char* string : {"", "caf\xC3\xA9", "\xE2\x82\xAC", "\xF0\x9F\x90\x89", "\x7F",
                             "\\\"\\\\\\/\\b\\f\\n\\r\\t", "\\u00e9", "\\ud83d\\udc09"}) {
    CAPTURE(std::string(string));
    CHECK(check_json_object(std::string("{\"a\":\"") + string + "\"}") == JsonText::object);
  }
}

TEST_CASE("json: 63 levels are taken, 64 are not, and no depth overflows the stack") {
  CHECK(check_json_object(nested(63)) == JsonText::object);
  CHECK(check_json_object(nested(64)) == JsonText::malformed);
  CHECK(check_json_object(nested(1'000'000)) == JsonText::malformed);
}

TEST_CASE("json: the same verdict as RapidJSON on thirty thousand damaged texts") {
  const std::string sample =
      R"({"agent_id":"agent_0","item":"Abyssal whip \u00e9 \n","price":-1500000.25e+3,)"
      "\"list\":[true,false,null,{\"caf\xC3\xA9\":\"\xE2\x82\xAC \xF0\x9F\x90\x89\"}, 0 ]}";
  REQUIRE(check_json_object(sample) == JsonText::object);
  std::mt19937 random(20210426);
  const std::string alphabet = "{}[]\",:\\/bfnrtu0123456789.eE+- \n\x01\x80\xC3\xE2\xF0\xED\xA0";
  int accepted = 0;
  for (int i = 0; i < 30'000; ++i) {
    std::string text = sample;
    const int changes = 1 + static_cast<int>(random() % 3);
    for (int change = 0; change < changes; ++change) {
      const std::size_t at = random() % text.size();
      switch (random() % 3) {
        case 0:
          text[at] = alphabet[random() % alphabet.size()];
          break;
        case 1:
          text.erase(at, 1 + random() % 4);
          break;
        default:
          text.insert(at, 1, alphabet[random() % alphabet.size()]);
      }
    }
    const bool object = text.front() == '{' || text.find_first_not_of(" \n\t\r") != 0;
    const bool expected = object && rapidjson_accepts(text);
    const bool found = check_json_object(text) != JsonText::malformed;
    accepted += found ? 1 : 0;
    if (found != expected) {
      CAPTURE(text);
      CHECK(found == expected);
    }
  }
  CHECK(accepted > 1000);  // or the comparison says little
}
