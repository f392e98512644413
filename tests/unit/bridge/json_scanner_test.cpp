#include "event/json_scanner.h"

#include <doctest/doctest.h>

#include <random>
#include <string>
#include <vector>

#include "base/limits.h"

using namespace bridge;

namespace {

bool valid(std::string_view text) {
  std::vector<TextSpan> not_finite;
  JsonScanner scan(text, &not_finite);
  return scan.value(1) && scan.at_end();
}

std::string decoded(std::string_view raw) {
  std::string out;
  append_decoded(out, raw);
  return out;
}

}  // namespace

TEST_CASE("scanner: what RFC 8259 forbids is refused") {
  for (const char* bad :
       {"", " ", "{", "}", "[", "[1", "[1,", "[1,]", "{\"a\"", "{\"a\":", "{\"a\":1,", "{\"a\":1,}",
        "{a:1}", "{'a':1}", "01", "-", "+1", "1.", ".5", "1e", "1e+", "0x10", "tru", "truee",
        "nul", "True", "\"", "\"a", "\"\\\"", "\"\\x\"", "\"\\u12\"", "\"\\u12G4\"", "\"a\nb\"",
        "\"a\tb\"", "1 2", "[1 2]", "{\"a\":1 \"b\":2}", "nan", "inf", "Inf", "-Inf", "-NaN", "Infinit",
        "\"\\ud800\"", "\"\\ud800x\"", "\"\\ud800\\u0041\"", "\"\\udc00\"", "\"\xFF\"",
        "\"\xC0\x80\"", "\"\xED\xA0\x80\"", "\"\xF4\x90\x80\x80\"", "\"\xC3\"", "\xEF\xBB\xBF{}"}) {
    CAPTURE(std::string(bad));
    CHECK_FALSE(valid(bad));
  }
  CHECK_FALSE(valid(std::string_view("{}\0", 3)));
  CHECK_FALSE(valid(std::string_view("\"a\0b\"", 5)));
  CHECK_FALSE(valid(std::string_view("\"\\\0\"", 4)));
}

TEST_CASE("scanner: what RFC 8259 allows is taken, numbers of any size among it") {
  for (const char* good :
       {"{}", "[]", " { } ", "[1,2]", "{\"a\":{\"b\":[null,true,false]}}", "0", "-0", "1.5e-7",
        "1e400", "-1E+999", "123456789012345678901234567890", "\"\"", "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"",
        "\"\\u00e9\\ud83d\\ude00\"", "\"\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80\"",
        "\"a string that is longer than sixteen bytes, with \\\" in it\"", "\r\n\t[ ]\r\n", "NaN",
        "[Infinity,-Infinity]"}) {
    CAPTURE(std::string(good));
    CHECK(valid(good));
  }
}

TEST_CASE("scanner: the places of what is not finite are told") {
  std::vector<TextSpan> spans;
  JsonScanner scan("[NaN,1,-Infinity]", &spans);
  REQUIRE(scan.value(1));
  REQUIRE(spans.size() == 2);
  CHECK(spans[0].offset == 1);
  CHECK(spans[0].size == 3);
  CHECK(spans[1].offset == 7);
  CHECK(spans[1].size == 9);
}

TEST_CASE("scanner: nesting is taken to the limit and refused beyond it") {
  const auto nested = [](int levels) {
    return std::string(static_cast<std::size_t>(levels), '[') +
           std::string(static_cast<std::size_t>(levels), ']');
  };
  CHECK(valid(nested(kJsonDepthMax)));
  CHECK_FALSE(valid(nested(kJsonDepthMax + 1)));
  const std::string deep(1 << 20, '[');  // must not cost the stack
  JsonScanner scan(deep);
  CHECK_FALSE(scan.value(1));
  CHECK(scan.too_deep());
}

TEST_CASE("scanner: every cut of a valid text is refused") {
  const std::string whole = R"({"a":[1.5e3,"x\u00e9\n",{"b":null}],"c":true})";
  REQUIRE(valid(whole));
  for (std::size_t n = 0; n < whole.size(); ++n) {
    CAPTURE(n);
    CHECK_FALSE(valid(std::string_view(whole).substr(0, n)));
  }
}

TEST_CASE("scanner: escapes mean what they should") {
  CHECK(decoded(R"(a\"\\\/\b\f\n\r\tz)") == "a\"\\/\b\f\n\r\tz");
  CHECK(decoded(R"(\u0041\u00e9\u20ac\ud83d\ude00)") == "A\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80");
}

// One that can be seen to be right: it goes down into each value.
namespace {

struct Plain {
  explicit Plain(std::string_view text) : text_(text) {}
  bool document(int depth) { return value(depth) && at_ == text_.size(); }

 private:
  bool take(char c) { return at_ < text_.size() && text_[at_] == c && ++at_ != 0; }
  bool value(int depth) {
    if (take('1')) {
      while (take('1')) {
      }
      return true;
    }
    if (take('"')) return take('"');
    if (take('[')) {
      if (depth > kJsonDepthMax) return false;
      if (take(']')) return true;
      do {
        if (!value(depth + 1)) return false;
      } while (take(','));
      return take(']');
    }
    if (!take('{') || depth > kJsonDepthMax) return false;
    if (take('}')) return true;
    do {
      if (!take('"') || !take('"') || !take(':') || !value(depth + 1)) return false;
    } while (take(','));
    return take('}');
  }
  const std::string_view text_;
  std::size_t at_ = 0;
};

}  // namespace

TEST_CASE("scanner: brackets in any order are what they are when one goes down into each value") {
  const auto same = [](const std::string& text, int depth) {
    CAPTURE(text);
    JsonScanner scan(text);
    const bool valid = scan.value(depth) && scan.at_end();
    CHECK(valid == Plain(text).document(depth));
    return valid;
  };
  std::mt19937 random(7);
  const std::vector<std::string> pieces{"[", "]", "{", "}", ",", "1", "\"\"", "\"\":", "[1,", "{\"\":", ",\"\":", "]]", "}]"};
  int valid = 0;
  for (int i = 0; i < 100'000; ++i) {
    std::string text = random() % 2 == 0 ? "[" : "{\"\":";
    for (auto n = random() % 8; n > 0; --n) text += pieces[random() % pieces.size()];
    if (same(text, 1)) ++valid;
  }
  CHECK(valid > 100);
  // Below what there is room for it stops, and writes nowhere.
  for (const std::string_view piece : {"[", "{\"\":"}) {
    std::string deep;
    for (int i = 0; i < 100'000; ++i) deep += piece;
    JsonScanner scan(deep);
    CHECK_FALSE(scan.value(-1'000'000));
    CHECK(scan.too_deep());
  }
  for (const int depth : {kDepthMin, -1, 1, 60}) {
    for (int deep = 0; deep < 110; ++deep) {
      const auto n = static_cast<std::size_t>(deep);
      same(std::string(n, '[') + "1" + std::string(n, ']'), depth);
      std::string objects;
      for (int i = 0; i < deep; ++i) objects += "{\"\":";
      same(objects + "[]" + std::string(n, '}'), depth);
    }
  }
}
