// What the bot says on a terminal.
#include "ppo-bot/diary.h"

#include <fcntl.h>
#include <pty.h>
#include <unistd.h>

#include <string>

#include <doctest/doctest.h>

using bot::Diary;

namespace {

// What reaches the terminal of one line.
std::string on_terminal(bool json, const std::string& text) {
  int screen = -1, line = -1;
  REQUIRE(::openpty(&screen, &line, nullptr, nullptr, nullptr) == 0);
  std::FILE* const out = ::fdopen(line, "w");
  REQUIRE(out != nullptr);
  Diary(out, json).note(bot::Moment(), "frozen", text, feed::json::Object().add_string("item", text));
  char shown[500];
  const ssize_t bytes = ::read(screen, shown, sizeof shown);
  std::fclose(out);
  ::close(screen);
  return {shown, static_cast<std::size_t>(bytes > 0 ? bytes : 0)};
}

}  // namespace

TEST_CASE("diary: no name steers a terminal, as JSON neither") {
  for (const bool json : {false, true}) {
    CAPTURE(json);
    const std::string shown = on_terminal(json, "a\x1b[2J\xE2\x80\xAE\xC2\x9b z");
    CHECK(shown.find(" z") != std::string::npos);
    for (const char* const bad : {"\x1b", "\xE2\x80\xAE", "\xC2\x9b"}) CHECK(shown.find(bad) == std::string::npos);
  }
}
