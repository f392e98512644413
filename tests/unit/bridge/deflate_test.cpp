#include "event/deflate.h"

#include <doctest/doctest.h>

#include "support/deflate.h"

using namespace bridge;

namespace {

using testing_support::deflated;
using testing_support::inflated;

constexpr std::size_t kLimit = 10'000;

std::string bytes(std::initializer_list<int> values) {
  std::string out;
  for (const int value : values) out += static_cast<char>(value);
  return out;
}

// Unlike each other, so that no two stretches are worth a reference.
std::string noise(std::size_t size) {
  std::string out;
  std::uint32_t state = 1;
  for (; out.size() < size; out += static_cast<char>(state >> 24)) {
    state = state * 1'664'525 + 1'013'904'223;
  }
  return out;
}

Inflated inflate(std::string_view payload, std::string* out = nullptr) {
  std::string message;
  const Inflated result = inflate_message(payload, kLimit, message);
  if (out != nullptr) *out = message;
  return result;
}

std::string message_of(std::string_view payload) {
  std::string message;
  REQUIRE(inflate(payload, &message) == Inflated::whole);
  return message;
}

const std::string kHello = bytes({0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00});

}  // namespace

TEST_CASE("deflate: what is no deflate, or breaks off, is told") {
  CHECK(inflate("") == Inflated::not_deflate);
  CHECK(inflate("nonsense") == Inflated::not_deflate);
  CHECK(inflate(bytes({0x07})) == Inflated::not_deflate);  // block type 3
  // RFC 7692 section 7.2.3.2's second message, which leans on its first.
  CHECK(inflate(bytes({0xf2, 0x00, 0x11, 0x00, 0x00})) == Inflated::refers_back);
  // A stored block that claims more than there is: the tail must not become its content.
  CHECK(inflate(bytes({0x00, 0x05, 0x00, 0xfa, 0xff, 'H', 'e'})) == Inflated::not_deflate);
  const std::string long_one = deflated(noise(300) + std::string(300, 'x') + noise(300));
  for (std::size_t size = 0; size < long_one.size(); ++size) {
    CAPTURE(size);
    CHECK(inflate(std::string_view(long_one).substr(0, size)) == Inflated::not_deflate);
  }
}

TEST_CASE("deflate: RFC 7692's examples inflate") {
  CHECK(message_of(kHello) == "Hello");
  CHECK(message_of(bytes({0x00, 0x05, 0x00, 0xfa, 0xff, 'H', 'e', 'l', 'l', 'o', 0x00})) ==
        "Hello");
  CHECK(message_of(bytes({0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00})) == "Hello");
  CHECK(message_of(bytes({0xf2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xff, 0xff, 0xca, 0xc9, 0xc9, 0x07,
                          0x00})) == "Hello");
  CHECK(message_of(bytes({0x00})).empty());
}

TEST_CASE("deflate: a message of the limit inflates, one byte more does not") {
  for (const std::string& text : {noise(kLimit), std::string(kLimit, 'x')}) {
    CHECK(message_of(deflated(text)) == text);
    CHECK(inflate(deflated(text + 'x')) == Inflated::too_large);
  }
}

TEST_CASE("deflate: a bomb costs no more memory than the limit") {
  const std::string bomb = deflated(std::string(64 << 20, '\0'));
  CHECK(bomb.size() < 100'000);
  std::string out;
  CHECK(inflate_message(bomb, kLimit, out) == Inflated::too_large);
  CHECK(out.capacity() <= kLimit);
  const std::size_t large = 1'000'000;
  CHECK(inflate_message(deflated(std::string(large, 'x')), large, out) == Inflated::whole);
  CHECK(out.capacity() <= large);
}

TEST_CASE("deflate: what it compresses any zlib inflates, each message alone") {
  for (int level = Deflater::kLevelMin; level <= Deflater::kLevelMax; ++level) {
    CAPTURE(level);
    Deflater deflater(level);
    const std::string first = R"({"type":"tick"})" + std::string(300'000, 'y') + noise(5000);
    for (const std::string& message : {first, std::string(2000, 'z'), first}) {
      const std::string_view payload = deflater.compress(message);
      REQUIRE(!payload.empty());
      CHECK(payload.size() < message.size());
      CHECK(payload.substr(payload.size() - 4) != std::string("\x00\x00\xff\xff", 4));
      CHECK(inflated(payload) == message);
      std::string own;
      CHECK(inflate_message(payload, message.size(), own) == Inflated::whole);
      CHECK(own == message);
    }
  }
}

TEST_CASE("deflate: what would not be smaller is left, and counts for nothing") {
  Deflater deflater(1);
  CHECK(deflater.compress("").empty());
  CHECK(deflater.compress("ab").empty());
  CHECK(deflater.compress(noise(100'000)).empty());
  CHECK(deflater.tally().messages == 0);
  // It is none the worse for it.
  const std::string message(5000, 'x');
  const std::string payload(deflater.compress(message));
  CHECK(inflated(payload) == message);
  CHECK(deflater.tally().messages == 1);
  CHECK(deflater.tally().bytes_before == 5000);
  CHECK(deflater.tally().bytes_after == payload.size());
}

TEST_CASE("deflate: memory that was given back is taken again, with the same bytes out") {
  Deflater deflater(1);
  const std::string message = std::string(3000, 'x') + noise(500);
  const std::string before(deflater.compress(message));
  deflater.release();
  CHECK(std::string(deflater.compress(message)) == before);
}
