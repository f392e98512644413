#include "net/bot_queue.h"

#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>

#include "fixture.h"

using namespace bridge;

namespace {

BlockPtr block_of(std::uint64_t events) {
  BlockBuilder builder;
  EnvelopeParser parser(1000);
  REQUIRE(parser.parse(R"({"type":"t","data":{}})") == Reject::none);
  for (std::uint64_t seq = 1; seq <= events; ++seq) builder.add(parser.envelope(), seq, 1);
  return builder.seal();
}

struct Waiting {
  MemoryShare share;
  BotQueue queue{share};
  bool put(const BlockPtr& block) { return queue.put({block, block->first_seq(), block->last_seq()}); }
  bool take() {
    bool ask_again = false;
    REQUIRE(queue.take(&ask_again));
    return ask_again;
  }
};

}  // namespace

TEST_CASE("bot queue: at its bound nothing more is put in, counted once, and who asked is told when it is empty") {
  Waiting waiting;
  const BlockPtr block = block_of(10);
  waiting.share.set_bound(2 * block->memory_bytes() - 1);
  CHECK(waiting.queue.may_put(false));
  CHECK(waiting.put(block));
  CHECK(waiting.queue.may_put(false));
  CHECK_FALSE(waiting.put(block));  // it is awake
  CHECK(waiting.share.bytes() == 2 * block->memory_bytes());
  CHECK_FALSE(waiting.queue.may_put(false));
  CHECK_FALSE(waiting.queue.may_put(false));
  CHECK(waiting.share.refused() == 1);
  CHECK_FALSE(waiting.take());
  CHECK(waiting.take());
  CHECK(waiting.share.bytes() == 0);
  bool ask_again = false;
  CHECK_FALSE(waiting.queue.take(&ask_again));
  CHECK_FALSE(ask_again);
  CHECK(waiting.queue.may_put(true));
  CHECK(waiting.put(block));
  CHECK_FALSE(waiting.take());  // nobody asked since
}

TEST_CASE("bot queue: what may only be put in where nothing waits is no refusal, and is asked for") {
  Waiting waiting;
  const BlockPtr block = block_of(1);
  CHECK(waiting.queue.may_put(true));
  CHECK(waiting.put(block));
  CHECK_FALSE(waiting.queue.may_put(true));
  CHECK(waiting.queue.may_put(false));
  CHECK(waiting.share.refused() == 0);
  CHECK(waiting.take());
  CHECK(waiting.queue.empty());
}

TEST_CASE("bot queue: it takes no more stretches than a turn may put in, however small they are") {
  Waiting waiting;
  const BlockPtr block = block_of(1);
  std::size_t count = 0;
  while (waiting.queue.may_put(false)) {
    (void)waiting.put(block);
    REQUIRE(++count <= BotQueue::kStretchesMax);
  }
  CHECK(count == BotQueue::kStretchesMax);
  CHECK(waiting.share.refused() == 1);
}
