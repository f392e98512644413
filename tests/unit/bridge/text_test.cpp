#include "base/text.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>

using namespace bridge;

TEST_CASE("text: names hold to the wire contract's characters and lengths") {
  CHECK_FALSE(is_type_name(""));
  CHECK_FALSE(is_type_name(std::string(65, 'a')));
  CHECK_FALSE(is_type_name("a b"));
  CHECK_FALSE(is_type_name("a:b"));
  CHECK_FALSE(is_type_name("caf\xC3\xA9"));
  CHECK(is_type_name(std::string(64, 'a')));
  CHECK(is_type_name("Trade_executed.v2-x"));
  CHECK(is_name("host:1-a.b_c"));
  CHECK_FALSE(is_name("host/1"));
}

TEST_CASE("text: UTF-8 is judged as RFC 3629 has it") {
  for (const char* bad : {"\xFF", "\xC0\x80", "\xC1\xBF", "\xE0\x80\x80", "\xED\xA0\x80",
                          "\xF0\x80\x80\x80", "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xC3",
                          "\xE2\x82", "\xF0\x9F\x98", "a\x80", "\xE2\x28\xA1"}) {
    CAPTURE(printable(bad));
    CHECK_FALSE(is_utf8(bad));
  }
  for (const char* good : {"", "abc", "\xC2\x80", "\xC3\xA9", "\xE0\xA0\x80", "\xED\x9F\xBF",
                           "\xEE\x80\x80", "\xF0\x90\x80\x80", "\xF4\x8F\xBF\xBF"}) {
    CHECK(is_utf8(good));
  }
}

TEST_CASE("text: JSON strings escape what must be escaped and nothing else") {
  std::string out;
  append_json_string(out, "a\"b\\c\n\t\x01/\x7F\xC3\xA9");
  CHECK(out == R"("a\"b\\c\n\t\u0001/\u007f)" "\xC3\xA9\"");
}

TEST_CASE("text: seconds have six decimals, always") {
  const auto seconds = [](std::int64_t us) {
    std::string out;
    append_seconds(out, us);
    return out;
  };
  CHECK(seconds(0) == "0.000000");
  CHECK(seconds(1) == "0.000001");
  CHECK(seconds(1'619'395'200'251'003) == "1619395200.251003");
  CHECK(seconds(999'999) == "0.999999");
}

TEST_CASE("text: a hostile string is harmless in a log line") {
  CHECK(printable("a\x1B[31m\n") == "a\\x1b[31m\\x0a");
  CHECK(printable(std::string(100, 'x'), 3) == "xxx...");
}

TEST_CASE("text: UTF-8 is judged wherever in a text it stands") {
  for (std::size_t at = 0; at < 40; ++at) {
    CAPTURE(at);
    std::string text(40, 'a');
    CHECK(is_utf8(text));
    text[at] = '\x80';
    CHECK_FALSE(is_utf8(text));
    text.replace(at, 1, "\xE2\x82\xAC");
    CHECK(is_utf8(text));
    CHECK_FALSE(is_utf8(text.substr(0, at + 2)));
  }
}

TEST_CASE("text: a cut does not end within a character") {
  const std::string text = "a\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80";
  for (std::size_t n = 0; n <= text.size() + 1; ++n) {
    CAPTURE(n);
    const std::string_view cut = utf8_prefix(text, n);
    CHECK(is_utf8(cut));
    CHECK(cut.size() <= n);
    CHECK(cut.size() + 3 >= std::min(n, text.size()));
  }
  CHECK(utf8_prefix(text, text.size()) == text);
  CHECK(utf8_prefix("", 5).empty());
}

TEST_CASE("text: names of every length are the same only byte for byte") {
  const std::string name = "a-name-of-twenty-one:";
  for (std::size_t size = 0; size <= name.size(); ++size) {
    const std::string a = name.substr(0, size);
    CAPTURE(size);
    CHECK(same_name(a, std::string(a)));
    CHECK_FALSE(same_name(a, a + "x"));
    for (std::size_t i = 0; i < size; ++i) {
      std::string b = a;
      b[i] = '#';
      CHECK_FALSE(same_name(a, b));
    }
  }
}
