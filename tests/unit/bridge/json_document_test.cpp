#include "event/json_document.h"

#include <doctest/doctest.h>

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
  CHECK(problem("1e400").find("cannot be read: Number too big") == 0);
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
