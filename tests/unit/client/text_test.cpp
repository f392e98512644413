#include "ppo-client/text.h"

#include <string>

#include <doctest/doctest.h>

#include "ppo-client/line.h"

using client::cut_to_width;
using client::display_width;
using client::printable;

TEST_CASE("text: whatever could steer a terminal is made visible and harmless") {
  CHECK(printable("a\x1b[31mb") == "a\xe2\x90\x9b[31mb");
  CHECK(printable(std::string("\0\a\b\t\n\r", 6)) == "␀␇␈␉␊␍");
  CHECK(printable("\x7f") == "\xef\xbf\xbd");
  CHECK(printable("\xc2\x9b"
                  "31m") ==
        "\xef\xbf\xbd"
        "31m");  // CSI as one character of C1
  CHECK(printable("a\xe2\x80\xae"
                  "b") ==
        "a\xef\xbf\xbd"
        "b");  // right-to-left override
  CHECK(printable("a\xe2\x80\x8b"
                  "b") ==
        "a\xef\xbf\xbd"
        "b");  // zero width space
  CHECK(printable("\xe2\x81\xa6\xef\xbb\xbf") == "\xef\xbf\xbd\xef\xbf\xbd");
}

TEST_CASE("text: bytes that are not UTF-8 become the replacement character, one by one") {
  for (const char* const bad : {"\x80", "\xff", "\xc0", "\xc3", "\xf5"}) {
    CHECK(printable(bad) == "\xef\xbf\xbd");
  }
  CHECK(printable("\xe2\x82") == "\xef\xbf\xbd\xef\xbf\xbd");
  CHECK(printable("\xed\xa0\x80") == "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");  // a surrogate
  CHECK(printable("\xc0\x9b") == "\xef\xbf\xbd\xef\xbf\xbd");                  // ESC, overlong
}

TEST_CASE("text: names of the world stay as they are") {
  for (const char* const name :
       {"Zulrah's scales", "Saradomin brew é", "龍の骨", "🐉 pet", "a\xcc\x81"}) {
    CHECK(printable(name) == name);
  }
}

TEST_CASE("text: width counts columns, not bytes") {
  CHECK(display_width("") == 0);
  CHECK(display_width("é…—") == 3);
  CHECK(display_width("a\xcc\x81") == 1);
  CHECK(display_width("龍の骨") == 6);
  CHECK(display_width("🐉") == 2);
  CHECK(display_width("␛") == 1);
}

TEST_CASE("text: what is too wide is cut at a character, with an ellipsis within the width") {
  CHECK(cut_to_width("abcdef", 6) == "abcdef");
  CHECK(cut_to_width("abcdef", 5) == "abcd…");
  CHECK(cut_to_width("abcdef", 1) == "…");
  CHECK(cut_to_width("abcdef", 0).empty());
  CHECK(cut_to_width("龍の骨", 4) == "龍…");
  CHECK(cut_to_width("龍の骨", 5) == "龍の…");
  CHECK(cut_to_width("abcdef", 4, client::Cut::kBeginning) == "…def");
  CHECK(cut_to_width("龍の骨", 4, client::Cut::kBeginning) == "…骨");
}

TEST_CASE("line: columns are filled up and cut, colours do not count") {
  client::Line line;
  line.column("ab", 4, client::Colour::kRed).add("|").right_column("7", 3).add("|");
  line.column("longer", 4, client::Colour::kPlain, client::Cut::kBeginning).add("  ");
  CHECK(line.render({}) == "ab  |  7|…ger");
  CHECK(line.render({true, 0}) == "\x1b[31mab\x1b[0m  |  7|…ger");
}

TEST_CASE("line: the terminal's width is kept, and a colour is always ended") {
  client::Line line;
  line.add("abc", client::Colour::kGreen).add("defgh", client::Colour::kRed).add("ij");
  CHECK(line.render({false, 10}) == "abcdefghij");
  CHECK(line.render({false, 9}) == "abcdefgh…");
  CHECK(line.render({false, 5}) == "abcd…");
  CHECK(line.render({true, 5}) == "\x1b[32mabc\x1b[0m\x1b[31md…\x1b[0m");
  CHECK(line.render({false, 1}) == "…");
  for (size_t width = 1; width < 12; ++width) {
    CHECK(display_width(line.render({false, width})) == std::min<size_t>(width, 10));
  }
}

TEST_CASE("line: text from outside cannot bring escapes of its own") {
  client::Line line;
  line.add("\x1b]0;evil\a").column("\x1b[2J", 8);
  CHECK(line.render({true, 0}).find('\x1b') == std::string::npos);
}
