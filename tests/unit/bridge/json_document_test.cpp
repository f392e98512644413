#include "event/json_document.h"

#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <random>
#include <string>

#include "base/limits.h"

using namespace bridge;

namespace {

std::string problem(std::string_view text) {
  const auto document = read_document(text);
  return document ? "" : document.error().message;
}

}  // namespace

TEST_CASE("document: what RapidJSON would take and others do not is refused") {
  for (const char* half : {R"("\udc00")", R"("\ud800")", R"("\ud800x")", R"({"\udfff":1})"}) {
    CAPTURE(std::string(half));
    CHECK(problem(half).find("is not JSON: at byte ") == 0);
  }
  CHECK(problem("\"\xED\xB0\x80\"") == "is not UTF-8");
  CHECK(problem("{\"a\":\"\xC3\"}") == "is not UTF-8");
  CHECK(problem(std::string_view("{}\0x", 4)) == "is not JSON: at byte 2 of 4");
  CHECK(problem("") == "is not JSON: at byte 0 of 0");
  for (const char* not_finite : {"NaN", "-Infinity", "nan", "inf"}) CHECK_FALSE(read_document(not_finite));
}

// Its reader of 1.1.0 ends the process at a number with 400 zeros behind the point.
TEST_CASE("document: whatever stands for a number is read, and as the C library reads it") {
  const auto read = [](const std::string& text) {
    CAPTURE(text);
    const auto document = read_document(text);
    REQUIRE(document);
    REQUIRE(document.value().IsNumber());
    CHECK(document.value().GetDouble() == std::strtod(text.c_str(), nullptr));
    // What is written of it is the same number again, where a double can be.
    const auto again = read_document(json_text(document.value()));
    REQUIRE(again);
    const double told = std::isfinite(document.value().GetDouble()) ? document.value().GetDouble() : std::copysign(1e308, document.value().GetDouble());
    CHECK(again.value().GetDouble() == told);
  };
  std::mt19937 random(11);
  const auto digits = [&random](std::size_t count, bool zeros) {
    std::string out;
    while (out.size() < count) out += zeros ? '0' : static_cast<char>('0' + random() % 10);
    return out;
  };
  for (const std::size_t zeros : {300, 330, 340, 347, 348, 356, 400, 401, 800, 5000}) {
    read("0." + digits(zeros, true) + "1");
    read("-0." + digits(zeros, true) + digits(900, false) + "e" + std::to_string(zeros));
    read("1" + digits(zeros, true) + ".5e-" + std::to_string(zeros));
    read("1" + digits(zeros, true));
  }
  for (const char* text : {"1e400", "-1e400", "1e-400", "0e999999999999", "1e999999999999", "-1e-999999999999", "5e-324", "-0",
                           "-0.0", "1.7976931348623157e308", "1.7976931348623159e308", "18446744073709551616"}) {
    read(text);
  }
  for (int i = 0; i < 2000; ++i) {
    const std::string exponent = random() % 2 == 0 ? "" : "e" + std::to_string(static_cast<int>(random() % 700) - 350);
    read("1" + digits(random() % 40, random() % 4 == 0) + "." + digits(1 + random() % 800, false) + exponent);
  }
}

TEST_CASE("document: integers keep their kind, and what else there is its value") {
  const auto document = read_document(
      R"( {"a":[18446744073709551615,-9223372036854775808,9223372036854775807,5,-5,5.0,true,false,null,"\u00e9\ud83d\ude00\n",[],{}],"\u0062":{"c":""}} )");
  REQUIRE(document);
  const auto& a = document.value()["a"];
  CHECK(a[0].GetUint64() == UINT64_MAX);
  CHECK(a[1].GetInt64() == INT64_MIN);
  CHECK(a[2].IsInt64());
  CHECK(a[3].IsInt());
  CHECK(a[4].GetInt() == -5);
  CHECK_FALSE(a[4].IsUint64());
  CHECK_FALSE(a[5].IsUint64());
  CHECK(a[6].IsTrue());
  CHECK(a[7].IsFalse());
  CHECK(a[8].IsNull());
  CHECK(a[9] == "\xC3\xA9\xF0\x9F\x98\x80\n");
  CHECK(json_text(document.value()) ==
        "{\"a\":[18446744073709551615,-9223372036854775808,9223372036854775807,5,-5,5.0,true,false,null,"
        "\"\xC3\xA9\xF0\x9F\x98\x80\\n\",[],{}],\"b\":{\"c\":\"\"}}");
}

TEST_CASE("document: what is beyond a double is told as a number that every reader takes") {
  const auto document = read_document("[1e400,-1" + std::string(400, '0') + ",1.5e308]");
  REQUIRE(document);
  CHECK(json_text(document.value()) == "[1e308,-1e308,1.5e308]");
}

TEST_CASE("document: nesting is bounded whatever it costs RapidJSON") {
  const auto nested = [](int levels) {
    return std::string(static_cast<std::size_t>(levels), '[') +
           std::string(static_cast<std::size_t>(levels), ']');
  };
  CHECK(read_document(nested(kJsonDepthMax)));
  CHECK(problem(nested(kJsonDepthMax + 1)) == "is deeper than 64 levels");
  CHECK(problem(nested(1'000'000)) == "is deeper than 64 levels");
}

TEST_CASE("document: a byte order mark in front is passed over, one inside is a character") {
  const auto document = read_document("\xEF\xBB\xBF{\"a\":\"\xEF\xBB\xBF\"}");
  REQUIRE(document);
  CHECK(document.value()["a"] == "\xEF\xBB\xBF");
  CHECK_FALSE(read_document("\xEF\xBB\xBF\xEF\xBB\xBF{}"));
  CHECK_FALSE(read_document("\xEF\xBB{}"));
}
