#include "net/inboxes.h"

#include <doctest/doctest.h>

#include "fixture.h"

using namespace bridge;

namespace {

BlockPtr a_block() {
  BlockBuilder builder;
  EnvelopeParser parser(1000);
  REQUIRE(parser.parse(R"({"type":"t","data":{}})") == Reject::none);
  builder.add(parser.envelope(), 1, 1);
  return builder.seal();
}

}  // namespace

TEST_CASE("inboxes: each thread finds everything in order, and is woken once until it looks") {
  Inboxes inboxes(2);
  const BlockPtr block = a_block();
  CHECK(inboxes.put_block(block) == Inboxes::Sleepers{0, 1});
  CHECK(inboxes.put_merged(block).empty());
  int called = 0;
  CHECK_FALSE(inboxes.put_call(1, [&] { ++called; }));
  CHECK(inboxes.bytes() == block->memory_bytes());

  CHECK(inboxes.take(0).items.size() == 2);
  CHECK(inboxes.bytes() == block->memory_bytes());  // the other has yet to look
  Inboxes::Post post = inboxes.take(1);
  REQUIRE(post.items.size() == 3);
  CHECK(post.items[0].block == block);
  CHECK(post.items[1].merged == block);
  post.items[2].call();
  CHECK(called == 1);
  CHECK(inboxes.bytes() == 0);
  CHECK(inboxes.take(1).items.empty());
  CHECK(inboxes.put_block(block) == Inboxes::Sleepers{0, 1});
}

TEST_CASE("inboxes: who takes a part has it in order, each with the journal's extent of then, and is not woken for the rest") {
  Inboxes inboxes(1);
  const BlockPtr block = a_block();
  const std::size_t bytes = block->memory_bytes();
  inboxes.put_extent({1, 10, nullptr});
  CHECK(inboxes.put_block(block) == Inboxes::Sleepers{0});
  inboxes.put_extent({1, 20, nullptr});
  (void)inboxes.put_block(block);
  CHECK_FALSE(inboxes.put_call(0, [] {}));
  CHECK_FALSE(inboxes.put_call(0, [] {}));

  const Inboxes::Post first = inboxes.take(0, 1);  // something, however little is wanted
  REQUIRE(first.items.size() == 1);
  CHECK(first.more);
  CHECK(first.extent == nullptr);
  REQUIRE(first.items[0].extent != nullptr);
  CHECK(first.items[0].extent->last_seq == 10);
  CHECK(inboxes.bytes() == bytes);
  CHECK(inboxes.put_block(block).empty());

  const Inboxes::Post second = inboxes.take(0, bytes + Inboxes::kCallBytes);
  REQUIRE(second.items.size() == 2);
  CHECK(second.items[0].extent->last_seq == 20);
  CHECK(second.items[1].call);
  CHECK(second.more);

  const Inboxes::Post rest = inboxes.take(0);
  CHECK(rest.items.size() == 2);
  CHECK_FALSE(rest.more);
  REQUIRE(rest.extent != nullptr);
  CHECK(rest.extent->last_seq == 20);
  CHECK(inboxes.bytes() == 0);
  CHECK(inboxes.put_block(block) == Inboxes::Sleepers{0});
}

TEST_CASE("inboxes: blocks do not wake who dozes, a call does, and then he is awake") {
  Inboxes inboxes(2);
  const BlockPtr block = a_block();
  inboxes.doze(1);
  CHECK(inboxes.put_block(block) == Inboxes::Sleepers{0});
  CHECK(inboxes.put_merged(block).empty());
  CHECK(inboxes.put_call(1, [] {}));
  CHECK(inboxes.take(1).items.size() == 3);
  CHECK(inboxes.put_block(block) == Inboxes::Sleepers{1});
}

TEST_CASE("inboxes: who looks sees the newest extent of the journal") {
  Inboxes inboxes(1);
  CHECK(inboxes.take(0).extent == nullptr);
  inboxes.put_extent({1, 10, nullptr});
  inboxes.put_extent({5, 20, nullptr});
  const auto extent = inboxes.take(0).extent;
  REQUIRE(extent != nullptr);
  CHECK(extent->holds(5, 20));
  CHECK_FALSE(extent->holds(4, 20));
  CHECK_FALSE(extent->holds(5, 21));
  const auto holes = std::make_shared<const std::vector<SeqRange>>(
      std::vector<SeqRange>{{7, 8}, {12, 12}});
  const PastExtent holed{5, 20, holes};
  CHECK(holed.holds(5, 6));
  CHECK(holed.holds(9, 11));
  CHECK_FALSE(holed.holds(6, 7));
  CHECK_FALSE(holed.holds(11, 13));
}
