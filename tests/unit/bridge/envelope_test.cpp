#include "event/envelope.h"

#include <doctest/doctest.h>

#include <string>

#include "base/limits.h"

using namespace bridge;

namespace {

Reject reject_of(const std::string& body) {
  EnvelopeParser parser(1 << 20);
  return parser.parse(body);
}

std::string nested_data(int levels_in_data) {
  std::string open, close;
  for (int i = 0; i < levels_in_data; ++i) {
    open += "[";
    close += "]";
  }
  return R"({"type":"t","data":{"x":)" + open + close + "}}";
}

}  // namespace

TEST_CASE("envelope: every malformed body is refused for its reason") {
  CHECK(reject_of("") == Reject::not_json);
  CHECK(reject_of("nonsense") == Reject::not_json);
  CHECK(reject_of("{") == Reject::not_json);
  CHECK(reject_of(R"({"type":"t","data":{})") == Reject::not_json);
  CHECK(reject_of(R"({"type":"t","data":{}} x)") == Reject::not_json);
  CHECK(reject_of(R"({"type":"t","data":{}}{"type":"t","data":{}})") == Reject::not_json);
  CHECK(reject_of(R"({"type":"t" "data":{}})") == Reject::not_json);
  CHECK(reject_of(std::string("{\"type\":\"t\",\"data\":{}}\0", 23)) == Reject::not_json);
  CHECK(reject_of("{\"type\":\"t\",\"data\":{\"a\":\"\xFF\"}}") == Reject::not_utf8);
  CHECK(reject_of("\xFF\xFE") == Reject::not_utf8);
  CHECK(reject_of(R"([])") == Reject::wrong_type);
  CHECK(reject_of(R"("text")") == Reject::wrong_type);
  CHECK(reject_of(R"({})") == Reject::no_type);
  CHECK(reject_of(R"({"data":{}})") == Reject::no_type);
  CHECK(reject_of(R"({"type":"t"})") == Reject::no_data);
  CHECK(reject_of(R"({"type":5,"data":{}})") == Reject::wrong_type);
  CHECK(reject_of(R"({"type":"","data":{}})") == Reject::wrong_type);
  CHECK(reject_of(R"({"type":"a b","data":{}})") == Reject::wrong_type);
  CHECK(reject_of(R"({"type":"t","data":[]})") == Reject::wrong_type);
  CHECK(reject_of(R"({"type":"t","data":null})") == Reject::wrong_type);
  CHECK(reject_of(R"({"type":"t","data":{},"source":"a b"})") == Reject::wrong_type);
  CHECK(reject_of(R"({"type":"t","data":{},"source":5})") == Reject::wrong_type);
  CHECK(reject_of(R"({"type":"t","data":{},"source_seq":0})") == Reject::wrong_type);
  CHECK(reject_of(R"({"type":"t","data":{},"source_seq":-1})") == Reject::wrong_type);
  CHECK(reject_of(R"({"type":"t","data":{},"source_seq":1.5})") == Reject::wrong_type);
  CHECK(reject_of(R"({"type":"t","data":{},"source_seq":9223372036854775808})") ==
        Reject::wrong_type);
  CHECK(reject_of(R"({"type":"t","data":{},"timestamp":"now"})") == Reject::wrong_type);
  CHECK(reject_of(R"({"type":"_own","data":{}})") == Reject::reserved_type);
  CHECK(reject_of(R"({"type":"t","data":{},"type":"t"})") == Reject::duplicate_key);
  CHECK(reject_of(R"({"type":"t","data":{},"x":1,"x":2})") == Reject::duplicate_key);
  CHECK(reject_of(R"({"type":"t","data":{},"d\u0061ta":{}})") == Reject::duplicate_key);
}

TEST_CASE("envelope: a body that is not JSON is called so even where a field is wrong before") {
  CHECK(reject_of(R"({"type":5,"data":{},)") == Reject::not_json);
  CHECK(reject_of("{\"type\":5,\"data\":{\"a\":\"\xFF\"}}") == Reject::not_utf8);
}

TEST_CASE("envelope: a topic in front of the JSON is told as that") {
  EnvelopeParser parser(1 << 20);
  const std::string json = R"({"type":"t","data":{}})";
  for (const char* topic : {"t ", "trade_executed  ", "t/s/\t", "t", "1 "}) {
    CAPTURE(std::string(topic));
    CHECK(parser.parse(topic + json) == Reject::not_json);
    CHECK(parser.detail() == "the body begins with a topic; send it as a frame of its own");
  }
  for (const char* other : {"\"t\" ", "[", "t, ", "t t "}) {
    CAPTURE(std::string(other));
    CHECK(parser.parse(other + json) == Reject::not_json);
    CHECK(parser.detail().find("the body is not JSON: at byte") == 0);
  }
}

TEST_CASE("envelope: a byte order mark in front of a body is passed over") {
  EnvelopeParser parser(1 << 20);
  REQUIRE(parser.parse("\xEF\xBB\xBF{\"type\":\"t\",\"data\":{\"a\":NaN}}") == Reject::none);
  CHECK(parser.envelope().data == R"({"a":null})");
  CHECK(reject_of("\xEF\xBB\xBF") == Reject::not_json);
}

TEST_CASE("envelope: 64 levels pass, 65 do not") {
  CHECK(reject_of(nested_data(62)) == Reject::none);  // the body and data are two
  CHECK(reject_of(nested_data(63)) == Reject::too_deep);
  CHECK(reject_of(nested_data(100'000)) == Reject::too_deep);
}

TEST_CASE("envelope: the size limit is exact") {
  const std::string head = R"({"type":"t","data":{"a":")";
  const std::string tail = "\"}}";
  EnvelopeParser parser(1000);
  const auto body = [&](std::size_t size) {
    return head + std::string(size - head.size() - tail.size(), 'x') + tail;
  };
  CHECK(parser.parse(body(1000)) == Reject::none);
  CHECK(parser.parse(body(1001)) == Reject::too_large);
  CHECK(parser.detail() == "the body has 1001 bytes; must be at most 1000");
}

TEST_CASE("envelope: too many keys are refused, not searched for ever") {
  std::string body = R"({"type":"t","data":{})";
  for (std::size_t i = 0; i < kTopLevelKeysMax; ++i) body += ",\"k" + std::to_string(i) + "\":0";
  CHECK(reject_of(body + "}") == Reject::too_many_keys);
}

TEST_CASE("envelope: fields come out as they stand in the body") {
  EnvelopeParser parser(1 << 20);
  REQUIRE(parser.parse(R"( {"type":"trade_executed" , "data": {"price": 2147483647, "x":1e400},)"
                       R"("timestamp":1.50,"source":"t-1","run":"r","source_seq":42,)"
                       R"("extra":[1, 2],"seq":9,"epoch":"e","id":1,"status":"s","action":"a",)"
                       R"("replay":true,"source_timestamp":3} )") == Reject::none);
  const Envelope& e = parser.envelope();
  CHECK(e.type == "trade_executed");
  CHECK(e.data == R"({"price": 2147483647, "x":1e400})");
  CHECK(e.source_timestamp == "1.50");
  CHECK(e.source == "t-1");
  CHECK(e.run == "r");
  CHECK(e.source_seq == 42);
  CHECK(e.tracked());
  REQUIRE(e.others.size() == 1);  // the bridge's own keys are taken out
  CHECK(e.others[0] == R"("extra":[1, 2])");
}

TEST_CASE("envelope: agent and item are indexed by meaning, the last where one stands twice") {
  EnvelopeParser parser(1 << 20);
  REQUIRE(parser.parse(R"({"type":"t","data":{"\u0061gent_id":"a","item":"x",)"
                       R"("item":"Zulrah\u0027s \u00e9","deep":{"item":"no"}}})") == Reject::none);
  CHECK(parser.envelope().agent_id.text == "a");
  CHECK(parser.envelope().item.text == "Zulrah's \xC3\xA9");
  CHECK(parser.envelope().item.decoded);
  REQUIRE(parser.parse(R"({"type":"t","data":{"item":5}})") == Reject::none);
  CHECK(parser.envelope().item.kind == IndexedField::Kind::other);
  CHECK(parser.envelope().agent_id.kind == IndexedField::Kind::absent);
}

TEST_CASE("envelope: NaN and infinities become null, in data and beside it") {
  EnvelopeParser parser(1 << 20);
  REQUIRE(parser.parse(R"({"type":"t","data":{"a":NaN,"b":[-Infinity,Infinity]},"c":NaN,)"
                       R"("timestamp":NaN})") == Reject::none);
  CHECK(parser.not_finite_count() == 5);
  CHECK(parser.envelope().data == R"({"a":null,"b":[null,null]})");
  CHECK(parser.envelope().others[0] == R"("c":null)");
  CHECK(parser.envelope().source_timestamp.empty());
  REQUIRE(parser.parse(R"({"type":"t","data":{"a":"NaN"}})") == Reject::none);
  CHECK(parser.not_finite_count() == 0);
  CHECK(parser.envelope().data == R"({"a":"NaN"})");
}

TEST_CASE("envelope: what became null moves each field to where it stands now, and none that was decoded") {
  EnvelopeParser parser(1 << 20);
  REQUIRE(parser.parse(R"({"a":NaN,"source":"s","b":-Infinity,"type":"t","run":"\u0072","c":Infinity,"timestamp":1.5,)"
                       R"("data":{"agent_id":"","x":[NaN,-Infinity],"item":"\u0069tem"},"source_seq":7,"d":[NaN]})") ==
          Reject::none);
  const Envelope& e = parser.envelope();
  CHECK(parser.not_finite_count() == 6);
  CHECK(e.type == "t");
  CHECK(e.source == "s");
  CHECK(e.run == "r");
  CHECK(e.source_seq == 7);
  CHECK(e.source_timestamp == "1.5");
  CHECK(e.data == R"({"agent_id":"","x":[null,null],"item":"\u0069tem"})");
  CHECK(e.item.text == "item");
  CHECK(e.agent_id.text.data() == e.data.data() + 13);
  REQUIRE(e.others.size() == 4);
  CHECK(e.others[0] == R"("a":null)");
  CHECK(e.others[1] == R"("b":null)");
  CHECK(e.others[2] == R"("c":null)");
  CHECK(e.others[3] == R"("d":[null])");
}

TEST_CASE("envelope: null is the same as leaving an optional field out") {
  EnvelopeParser parser(1 << 20);
  REQUIRE(parser.parse(R"({"type":"t","data":{},"source":null,"run":null,"source_seq":null,)"
                       R"("timestamp":null})") == Reject::none);
  CHECK_FALSE(parser.envelope().tracked());
}
