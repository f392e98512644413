#include "event/number_field.h"

#include <doctest/doctest.h>

#include <string>

#include "event/json_document.h"

using namespace bridge;

namespace {

std::string integer(const char* json, std::uint64_t min, std::uint64_t max) {
  const auto document = read_document(json);
  REQUIRE(document);
  const auto n = read_integer(&document.value(), "x", min, max);
  return n ? std::to_string(n.value()) : n.error().message;
}

std::string number(const char* json, double min, double max) {
  const auto document = read_document(json);
  REQUIRE(document);
  const auto n = read_number(&document.value(), "x", min, max);
  return n ? "ok" : n.error().message;
}

}  // namespace

TEST_CASE("numbers: an integer is taken within its range, both ends included") {
  CHECK(integer("1", 1, 5) == "1");
  CHECK(integer("5", 1, 5) == "5");
  CHECK(integer("9223372036854775807", 0, kIntegerMax) == "9223372036854775807");
  for (const char* wrong : {"0", "6", "-1", "1.0", "1e0", "18446744073709551615",
                            "18446744073709551616", "\"1\"", "true", "[1]"}) {
    CHECK(integer(wrong, 1, 5).find("; must be an integer 1..5") != std::string::npos);
  }
  CHECK(integer("-1", 1, 5) == "x is -1; must be an integer 1..5");
  CHECK(read_integer(nullptr, "x", 0, 1).error().message == "x is missing; must be an integer 0..1");
}

TEST_CASE("numbers: a number is taken within its range, both ends included") {
  CHECK(number("0.01", 0.01, 100) == "ok");
  CHECK(number("100", 0.01, 100) == "ok");
  CHECK(number("1e2", 0.01, 100) == "ok");
  CHECK(number("1e-300", 0.01, 100) == "x is 1e-300; must be a number 0.01..100");
  CHECK(number("100.5", 0.01, 100) == "x is 100.5; must be a number 0.01..100");
  CHECK(number("\"5\"", 1, 86400000) == R"(x is "5"; must be a number 1..86400000)");
  CHECK(number("-0", 0, 1) == "ok");
  CHECK(number("1e400", 0, 1) == "x is above 1.8e308; must be a number 0..1");
  CHECK(integer("-1e400", 1, 5) == "x is below -1.8e308; must be an integer 1..5");
}

TEST_CASE("numbers: a value that is none is shown up to its first forty bytes, escaped") {
  CHECK(integer(("\"" + std::string(100, 'x') + "\"").c_str(), 0, 1) ==
        "x is \"" + std::string(39, 'x') + "...; must be an integer 0..1");
  CHECK(integer("\"\xC3\xA9\"", 0, 1) == "x is \"\\xc3\\xa9\"; must be an integer 0..1");
}
