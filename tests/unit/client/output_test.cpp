#include "ppo-client/output.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <string>
#include <thread>

#include <doctest/doctest.h>

#include "capture.h"

using client::Output;

namespace {

bool never() {
  return false;
}

}  // namespace

TEST_CASE("output: lines wait until they are flushed") {
  client_tests::Capture file;
  Output out(file.descriptor(), never);
  out.line("a");
  out.text("b");
  CHECK(file.text().empty());
  CHECK_FALSE(out.empty());
  out.flush();
  CHECK(out.empty());
  CHECK(file.text() == "a\nb");
  CHECK_FALSE(out.is_terminal());
  CHECK(out.terminal_width() == 0);
}

TEST_CASE("output: a reader that goes away breaks it quietly, with and without something to say") {
  std::array<int, 2> ends{};
  REQUIRE(::pipe(ends.data()) == 0);
  Output idle(ends[1], never);
  Output busy(ends[1], never);
  CHECK_FALSE(idle.reader_gone());
  ::close(ends[0]);
  CHECK(idle.reader_gone());
  busy.line("x");
  CHECK_FALSE(busy.broken());
  busy.flush();
  CHECK(busy.broken());
  busy.line("y");
  busy.flush();
  ::close(ends[1]);
}

TEST_CASE("output: a pipe that is full for now loses nothing") {
  std::array<int, 2> ends{};
  REQUIRE(::pipe(ends.data()) == 0);
  ::fcntl(ends[1], F_SETFL, O_NONBLOCK);  // as a terminal that someone else made so
  const std::string line(1000, 'x');
  std::thread reader([&] {
    size_t left = 500 * (line.size() + 1);
    std::array<char, 10000> piece{};
    while (left > 0) {
      const ssize_t got = ::read(ends[0], piece.data(), piece.size());
      if (got <= 0) break;
      left -= static_cast<size_t>(got);
    }
    CHECK(left == 0);
  });
  Output out(ends[1], never);
  for (int i = 0; i < 500; ++i) out.line(line);
  out.flush();
  CHECK_FALSE(out.broken());
  reader.join();
  ::close(ends[0]);
  ::close(ends[1]);
}
