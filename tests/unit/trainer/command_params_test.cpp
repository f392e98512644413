#include "trainer/commands/command_params.h"

#include <functional>
#include <string>
#include <vector>

#include <doctest/doctest.h>

using trainer::CommandParams;

namespace {

std::string complaint(const std::string& json, const std::function<void(CommandParams&)>& read) {
  CommandParams params(json);
  read(params);
  return params.complaint();
}

}  // namespace

TEST_CASE("command params: what is wrong is named with its value and its range") {
  const auto read = [](CommandParams& params) {
    params.one_of("side", {"buy", "sell"});
    params.integer("quantity", 1, 10);
    params.number_above("rate", 0.0, 1.0);
    params.number("share", 0.0, 1.0);
    params.text("item");
  };
  struct Bad {
    std::string json;
    std::string message;
  };
  const std::string fine = R"("side":"buy","quantity":2,"rate":0.5,"share":0,"item":"x")";
  const std::vector<Bad> all = {
      {"[]", "params must be an object"},
      {"{}", "side is missing; must be buy or sell"},
      {R"({"side":"hold"})", "side is \"hold\"; must be buy or sell"},
      {R"({"side":null})", "side is missing; must be buy or sell"},
      {R"({"side":"buy","quantity":0})", "quantity is 0; must be an integer 1..10"},
      {R"({"side":"buy","quantity":11})", "quantity is 11; must be an integer 1..10"},
      {R"({"side":"buy","quantity":1.5})", "quantity is 1.5; must be an integer 1..10"},
      {R"({"side":"buy","quantity":"2"})", "quantity is \"2\"; must be an integer 1..10"},
      {R"({"side":"buy","quantity":2,"rate":0})", "rate is 0; must be above 0..1"},
      {R"({"side":"buy","quantity":2,"rate":1.01})", "rate is 1.01; must be above 0..1"},
      {R"({"side":"buy","quantity":2,"rate":true})", "rate is true; must be above 0..1"},
      {R"({"side":"buy","quantity":2,"rate":1,"share":-1})", "share is -1; must be 0..1"},
      {R"({"side":"buy","quantity":2,"rate":1,"share":1,"item":7})", "item is 7; must be a string"},
      {"{" + fine + R"(,"more":1})",
       "the parameter 'more' is not known; there are side, quantity, rate, share, item"},
      {"{" + fine + "}", ""},
  };
  for (const Bad& bad : all) CHECK(complaint(bad.json, read) == bad.message);
  CHECK(complaint(R"({"x":1})", [](CommandParams&) {}) ==
        "the parameter 'x' is not known; there are none");
}

TEST_CASE("command params: a number may have any length") {
  for (const std::size_t zeros : {300u, 330u, 400u, 100'000u}) {
    CommandParams params("{\"x\":0." + std::string(zeros, '0') + "1}");
    const double x = params.number("x", 0.0, 1.0);
    CHECK(x >= 0.0);
    CHECK(x < 1e-300);
    CHECK(params.complaint() == "");
  }
  CommandParams long_one("{\"x\":0.25" + std::string(100'000, '0') + "}");
  CHECK(long_one.number("x", 0.0, 1.0) == 0.25);
}

TEST_CASE("command params: values come as they are") {
  CommandParams params(R"({"side":"sell","n":9007199254740993,"x":1e-5,"item":"é"})");
  CHECK(params.one_of("side", {"buy", "sell"}) == "sell");
  CHECK(params.integer("n", 0, 9'007'199'254'740'993) == 9'007'199'254'740'993);
  CHECK(params.number_above("x", 0.0, 1.0) == 1e-5);
  CHECK(params.text("item") == "é");
  CHECK_FALSE(params.has("path"));
  CHECK(params.complaint() == "");
}
