#include "event/json_writer.h"

#include <doctest/doctest.h>

#include <limits>

#include "event/json_document.h"

using namespace bridge;

TEST_CASE("writer: commas stand between, and nowhere else") {
  JsonWriter json;
  json.object().key("a").list().end_list().key("b").object().end_object();
  json.key("c").list().add("x").add(std::uint64_t{1}).object().field("d", true).end_object();
  json.raw("[1,2]").add(false).end_list().field("e", "").end_object();
  const std::string text = json.take();
  CHECK(text == R"({"a":[],"b":{},"c":["x",1,{"d":true},[1,2],false],"e":""})");
  CHECK(read_document(text));
}

TEST_CASE("writer: numbers and times, at the ends of their ranges") {
  JsonWriter json;
  json.list().add(UINT64_MAX).add(INT64_MIN).add(1.5).add(-0.0004).add(1e300);
  json.add(std::numeric_limits<double>::infinity()).add(std::numeric_limits<double>::quiet_NaN());
  json.time(0).time(1'500'000).seconds(0).milliseconds(10'000'001).end_list();
  const std::string text = json.take();
  const auto document = read_document(text);
  REQUIRE(document);
  CHECK(document.value()[0].GetUint64() == UINT64_MAX);
  CHECK(document.value()[1].GetInt64() == INT64_MIN);
  CHECK(document.value()[4].GetDouble() == doctest::Approx(1e300));
  CHECK(text.substr(text.find("null")) == "null,null,null,1.500000,0.000000,10000.001]");
}

TEST_CASE("writer: any text comes back as it was") {
  std::string all = "\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80";
  for (char c = 0; c >= 0 && c < 127; ++c) all += c;
  all += '\x7F';
  JsonWriter json;
  json.object().field(all, all).end_object();
  const auto document = read_document(json.take());
  REQUIRE(document);
  const auto& member = *document.value().MemberBegin();
  CHECK(member.name == all);
  CHECK(member.value == all);
}
