#include "trainer/run/progress.h"

#include <algorithm>
#include <sstream>

#include <doctest/doctest.h>

using trainer::Progress;

namespace {

std::string shown(Progress::Style style, std::int64_t steps) {
  std::ostringstream out;
  Progress progress(out, style, steps, 2);
  progress.episode_ended(-1000);
  for (std::int64_t step = 1; step <= steps; ++step) progress.stepped(step);
  progress.say("bye");
  return out.str();
}

}  // namespace

TEST_CASE("progress: quiet says nothing at all") {
  CHECK(shown(Progress::Style::kQuiet, 100).empty());
}

TEST_CASE("progress: elsewhere than on a terminal, a line every tenth of the way") {
  for (const std::int64_t steps : {10, 100, 1234}) {
    const std::string text = shown(Progress::Style::kLines, steps);
    CHECK(std::count(text.begin(), text.end(), '\n') == 11);
    CHECK(text.find('\r') == std::string::npos);
    CHECK(text.find("(100 %)") != std::string::npos);
    CHECK(text.find("profit -1000 gp") != std::string::npos);
  }
  const std::string single = shown(Progress::Style::kLines, 1);
  CHECK(std::count(single.begin(), single.end(), '\n') == 2);
}

TEST_CASE("progress: a line is never as wide as the terminal, also where that becomes narrower") {
  std::ostringstream out;
  std::size_t columns = 300;
  Progress progress(out, Progress::Style::kTerminal, 3, 2, [&columns] { return columns; });
  for (const std::size_t width : {300u, 80u, 1u}) {
    out.str("");
    columns = width;
    progress.stepped(3);  // the last one is always drawn
    const std::string text = out.str();
    CHECK(text.size() <= width);  // with the \r in front
    CHECK((text.find("kl") != std::string::npos) == (width == 300));
    CHECK((text.find("3/3 (100 %)") != std::string::npos) == (width >= 80));
  }
}

TEST_CASE("progress: on a terminal one line is drawn over, and ended before the next") {
  const std::string text = shown(Progress::Style::kTerminal, 1000);
  CHECK(text.front() == '\r');
  CHECK(std::count(text.begin(), text.end(), '\n') == 2);
  CHECK(text.find("(100 %)") != std::string::npos);
  CHECK(text.substr(text.size() - 5) == "\nbye\n");
}
