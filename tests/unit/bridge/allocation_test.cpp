// What the way in allocates: a program of its own, for it counts every operator new.
#include <doctest/doctest.h>

#include <atomic>
#include <cstdlib>
#include <new>

#include "base/text.h"
#include "fixture.h"

namespace {

std::atomic<std::uint64_t> allocations{0};

void* allocate(std::size_t bytes) {
  allocations.fetch_add(1, std::memory_order_relaxed);
  void* const p = std::malloc(bytes == 0 ? 1 : bytes);
  if (p == nullptr) throw std::bad_alloc();
  return p;
}

}  // namespace

void* operator new(std::size_t bytes) { return allocate(bytes); }
void* operator new[](std::size_t bytes) { return allocate(bytes); }
void operator delete(void* p) noexcept { std::free(p); }
void operator delete[](void* p) noexcept { std::free(p); }
void operator delete(void* p, std::size_t) noexcept { std::free(p); }
void operator delete[](void* p, std::size_t) noexcept { std::free(p); }

using namespace bridge;

namespace {

// An event of a source that counts, one in four with escapes, another with white space, nested data and
// fields of its own.
void append_body(std::string& out, std::uint64_t source_seq) {
  switch (source_seq % 4) {
    case 0:
      out += R"({"type":"trade_executed","data":{"agent_id":"agent_0","item":"Caf\u00e9 \"rune\"","price":199})";
      break;
    case 1:
      out += R"({ "type": "price_update", "data": {"item": "Coal", "price": 1.5e3, "levels": [1, [2, null]]},)"
             R"( "note": "x")";
      break;
    case 2:
      out += R"({"type":"agent_decision","data":{"agent_id":"agent_1","item":"Twisted bow of some length","ok":true})";
      break;
    default:
      out += R"({"type":"margin_update","data":{"item":"Coal","margin":-17,"margin_percent":0.0273224043715847})";
  }
  out += R"(,"timestamp":1619395200.251,"source":"a-source-with-a-long-name","run":"r1","source_seq":)";
  append_number(out, source_seq);
  out += '}';
}

// Takes in `events` in messages of `batch`, sealing a block of every `sealed_after`; returns what was
// allocated meanwhile, besides the text of the messages.
std::uint64_t allocated(Bench& bench, std::uint64_t events, std::uint64_t batch,
                        std::uint64_t sealed_after) {
  std::string message;
  message.reserve(batch * 400);
  const std::uint64_t before = allocations;
  const std::uint64_t from = bench.log.last_seq();
  for (std::uint64_t n = from; n < from + events;) {
    message.clear();
    for (std::uint64_t i = 0; i < batch; ++i) {
      if (i != 0) message += '\n';
      append_body(message, ++n);
    }
    bench.take(message);
    if (n % sealed_after == 0) bench.log.seal();
  }
  return allocations - before;
}

}  // namespace

TEST_CASE("allocations: events cost none on their way into the open block, batched or alone") {
  // The block is closed neither for its events nor for its bytes.
  Bench bench({100'000, 1 << 30});
  (void)allocated(bench, 500, 100, 500);  // grows what is kept
  CHECK(bench.log.history().last_seq() == 500);
  for (const std::uint64_t batch : {std::uint64_t{100}, std::uint64_t{1}}) {
    CHECK(allocated(bench, 400, batch, 1'000'000) == 0);
    bench.log.seal();
  }
  CHECK(bench.counters.events_from_sources == 1300);
  CHECK(bench.tracker.held_events() == 0);
  CHECK(bench.counters.events_lost == 0);
}

TEST_CASE("allocations: they grow with the blocks and not with the events") {
  Bench bench({2'000, 1 << 30});  // what comes in pushes out and folds as much
  (void)allocated(bench, 20'000, 100, 100);
  const std::uint64_t by_hundreds = allocated(bench, 20'000, 100, 100);
  const std::uint64_t by_two_hundreds = allocated(bench, 20'000, 100, 200);
  constexpr std::uint64_t kOfABlock = 8;  // the block, its bytes, its index, its place, the side text
  CHECK(by_hundreds > 0);
  CHECK(by_hundreds <= 200 * kOfABlock);
  CHECK(by_two_hundreds <= 100 * kOfABlock);
  CHECK(bench.counters.events_from_sources == 60'000);
}
