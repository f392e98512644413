#include "log/past_slices.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "base/limits.h"

namespace {

using namespace bridge;

// Events `first` to `last`, as a journal gives them.
std::vector<BlockPtr> events(std::uint64_t first, std::uint64_t last) {
  BlockBuilder builder;
  for (std::uint64_t seq = first; seq <= last; ++seq) {
    Envelope event;
    const std::string data = R"({"i":)" + std::to_string(seq) + "}";
    event.type = "t";
    event.source = "s";
    event.run = "r";
    event.source_seq = seq;
    event.data = data;
    builder.add(event, seq, static_cast<std::int64_t>(1'700'000'000'000'000 + seq));
  }
  return {builder.seal()};
}

std::string jsons(const std::vector<BlockPtr>& blocks) {
  std::string all;
  for (const BlockPtr& block : blocks) {
    for (std::size_t i = 0; i < block->size(); ++i) all.append(block->json(i)) += '\n';
  }
  return all;
}

constexpr std::size_t kMuch = 1 << 20;

}  // namespace

TEST_CASE("past slices: what was asked for arrives byte for byte, and no more than there is room for") {
  CHECK(read_past_request(write_past_request({3, 8}))->after == 3);
  const PastRequest request{3, 8};
  const auto read = read_past_slice(write_past_slice(request, events(1, 20), kMuch), request);
  REQUIRE(read);
  CHECK(read->size() == 1);  // of few events one block is made
  CHECK(jsons(*read) == jsons(events(4, 8)));
  CHECK(read->front()->entry(0).timestamp_us == 1'700'000'000'000'004);
  // Where the journal begins later it begins there, and not at all behind what was asked for.
  CHECK(jsons(*read_past_slice(write_past_slice(request, events(7, 20), kMuch), request)) == jsons(events(7, 8)));
  CHECK(read_past_slice(write_past_slice(request, events(9, 20), kMuch), request)->empty());
  CHECK(read_past_slice(write_past_slice(request, {}, kMuch), request)->empty());
  // One has room always.
  CHECK(jsons(*read_past_slice(write_past_slice(request, events(1, 20), 1), request)) == jsons(events(4, 4)));
  auto parts = events(4, 5);
  parts.push_back(events(6, 7).front());
  parts.push_back(events(9, 9).front());  // behind a hole
  CHECK(jsons(*read_past_slice(write_past_slice({3, 20}, parts, kMuch), {3, 20})) == jsons(events(4, 7)));
}

TEST_CASE("past slices: an answer is filled to the byte") {
  const PastRequest request{3, 8};
  const std::string one = write_past_slice({3, 4}, events(4, 4), kMuch);
  CHECK(jsons(*read_past_slice(one, {3, 4})) == jsons(events(4, 4)));
  CHECK_FALSE(read_past_slice(one, {4, 8}));
  // What stands behind `data` counts though it is left out, as of a large event it is nothing.
  const std::size_t two = one.size() - one.find('\n') - 1 + 16 + events(5, 5).front()->json(0).size();
  CHECK(jsons(*read_past_slice(write_past_slice(request, events(4, 8), two), request)) == jsons(events(4, 5)));
  CHECK(jsons(*read_past_slice(write_past_slice(request, events(4, 8), two - 1), request)) == jsons(events(4, 4)));
}

TEST_CASE("past slices: what is large comes in blocks as elsewhere") {
  BlockBuilder builder;
  const std::string data = R"({"x":")" + std::string(kBlockBytesMax / 3, 'x') + "\"}";
  Envelope event;
  event.type = "t";
  event.data = data;
  for (std::uint64_t seq = 4; seq <= 11; ++seq) builder.add(event, seq, 1);
  const std::vector<BlockPtr> one{builder.seal()};
  const auto read = read_past_slice(write_past_slice({3, 11}, one, 16 * kBlockBytesMax), {3, 11});
  REQUIRE(read);
  CHECK(read->size() == 3);
  for (const BlockPtr& block : *read) CHECK(block->size() <= 3);
}

TEST_CASE("past slices: an event may be of the last second of the year 9999, and of none after it") {
  for (const std::int64_t too_late : {0, 1}) {
    BlockBuilder builder;
    Envelope event;
    event.type = "t";
    event.data = "{}";
    builder.add(event, 4, 253'402'300'799'000'000 + too_late);
    const std::vector<BlockPtr> blocks{builder.seal()};
    CHECK(read_past_slice(write_past_slice({3, 8}, blocks, kMuch), {3, 8}).has_value() == (too_late == 0));
  }
}

TEST_CASE("past slices: what is no answer to the request is none") {
  const PastRequest request{3, 8};
  const std::string good = write_past_slice(request, events(4, 8), kMuch);
  CHECK_FALSE(read_past_slice(good, {4, 8}));
  CHECK_FALSE(read_past_slice(good, {3, 7}));
  for (std::size_t size = 0; size < good.size(); ++size) CHECK_FALSE(read_past_slice(good.substr(0, size), request));
  CHECK_FALSE(read_past_slice(good + "x", request));
  std::string wrong = good;
  wrong[good.find("\"data\"") + 1] = 'x';
  CHECK_FALSE(read_past_slice(wrong, request));
  CHECK_FALSE(read_past_slice("PAST1 {\"from\":4,\"count\":99999999999}\n", request));
  CHECK_FALSE(read_past_slice("PAST1 {\"from\":4,\"count\":0}\n", request));
  for (const char* text : {"", "{}", R"({"journal":{"after":3,"to":3}})", R"({"journal":{"after":3,"to":08}})", R"({"journal":{"after":3,"to":8}} )"}) {
    CHECK_FALSE(read_past_request(text));
  }
}
