#include "alerts/rule.h"

#include <doctest/doctest.h>

#include <fstream>
#include <sstream>
#include <string>

#include "alert_story.h"

namespace bridge {

TEST_CASE("rules: each of the shared table is read, or refused at its place") {
  const rapidjson::Document table = rule_table();
  for (const auto& row : table["rules"].GetArray()) {
    const std::string text(view(row["rule"]));
    CAPTURE(text);
    const auto rule = parse_rule(text);
    if (row.FindMember("position") == row.MemberEnd()) {
      CHECK_MESSAGE(rule.ok(), (rule.ok() ? "" : rule.error().message()));
      continue;
    }
    REQUIRE_FALSE(rule.ok());
    CHECK(rule.error().position == row["position"].GetUint());
    CHECK(rule.error().expected == view(row["expected"]));
  }
}

TEST_CASE("rules: what is too long, too deep or too much is refused, and the most that is allowed is not") {
  const auto repeat = [](const std::string& what, int times) {
    std::string out;
    for (int i = 0; i < times; ++i) out += what;
    return out;
  };
  CHECK(parse_rule("t where " + repeat("(", 32) + "x=1" + repeat(")", 32)).ok());
  const auto deep = parse_rule("t where " + repeat("(", 33) + "x=1" + repeat(")", 33));
  REQUIRE_FALSE(deep.ok());
  CHECK(deep.error().message() == "at byte 40: expected at most 32 levels of not and parentheses, found (");
  CHECK_FALSE(parse_rule("t where " + repeat("not ", 250) + "x=1").ok());
  CHECK(parse_rule("t where " + repeat("x=1 or ", 63) + "x=1").ok());
  CHECK_FALSE(parse_rule("t where " + repeat("x=1 or ", 64) + "x=1").ok());
  CHECK(parse_rule("t where " + repeat("avg(x,1s)=1 or ", 8) + "x=1").ok());
  CHECK_FALSE(parse_rule("t where " + repeat("avg(x,1s)=1 or ", 9) + "x=1").ok());
  CHECK(parse_rule("t where x=" + repeat("a", 1014)).ok());
  const auto large = parse_rule("t where x=" + repeat("a", 1015));
  REQUIRE_FALSE(large.ok());
  CHECK(large.error().message() == "at byte 1024: expected at most 1024 bytes, found 1025");
}

TEST_CASE("rules: a condition is what its words say, however they are nested") {
  // Every way of putting three tests together, against C++'s own reading.
  for (unsigned bits = 0; bits < 8; ++bits) {
    const bool a = (bits & 1) != 0, b = (bits & 2) != 0, c = (bits & 4) != 0;
    const auto holds = [bits](const std::string& condition) {
      const auto rule = parse_rule("t where " + condition);
      REQUIRE(rule.ok());
      return rule.value().holds(bits);
    };
    CHECK(holds("a=1 or b=1 and c=1") == (a || (b && c)));
    CHECK(holds("(a=1 or b=1) and c=1") == ((a || b) && c));
    CHECK(holds("not a=1 or b=1 and not c=1") == (!a || (b && !c)));
    CHECK(holds("not (a=1 or not (b=1 and c=1))") == !(a || !(b && c)));
    CHECK(holds("a is null and b is not null or c is NaN") == ((a && !b) || c));
  }
  // The deepest that there can be: 64 results on the stack at once.
  std::string deep, tail;
  for (int i = 0; i < 31; ++i) {
    deep += "x=1 and (y=1 or ";
    tail += ")";
  }
  const auto rule = parse_rule("t where " + deep + "z=1" + tail);
  REQUIRE(rule.ok());
  CHECK(rule.value().holds(~std::uint64_t{0}));
  CHECK_FALSE(rule.value().holds(0));
}

}  // namespace bridge
