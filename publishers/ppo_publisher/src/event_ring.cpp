#include "event_ring.h"

#include <algorithm>
#include <cassert>
#include <iterator>

namespace ppo {
namespace {

// Enough to send one message, fill another, and never allocate.
constexpr std::size_t kSpareChunksMax = 2;

constexpr std::string_view kBodyStart = "{\"type\":\"";

std::string_view type_of(std::string_view body) {
  body.remove_prefix(kBodyStart.size());
  return body.substr(0, body.find('"'));
}

// What an event counts for: its body and a line break.
std::size_t cost(std::size_t body_bytes) {
  return body_bytes + 1;
}

}  // namespace

void Batch::Chunk::clear() {
  bytes.clear();
  begin = 0;
  events = 0;
  newest = 0;
  mixed = false;
}

std::string_view Batch::topic_type() const {
  const Chunk& chunk = chunks_.front();
  return chunk.mixed && chunk.events > 1 ? "batch" : type_of(chunk.body());
}

std::size_t EventRing::push(std::initializer_list<std::string_view> pieces) {
  std::size_t size = 0;
  for (const std::string_view piece : pieces) size += piece.size();
  assert(fits(size));

  // Everything that may throw comes first. A chunk that was just made is empty only until below.
  Chunk& chunk = chunk_for(size);
  const bool first = chunk.events == 0;
  if (!first) chunk.bytes += '\n';
  const std::size_t start = chunk.bytes.size();
  for (const std::string_view piece : pieces) chunk.bytes += piece;
  if (!first && !chunk.mixed) {
    const std::string_view bytes = chunk.bytes;
    chunk.mixed = type_of(bytes.substr(start)) != type_of(bytes.substr(chunk.newest));
  }
  chunk.newest = start;
  ++chunk.events;
  ++events_;
  bytes_ += cost(size);
  return enforce_limits();
}

EventRing::Chunk& EventRing::chunk_for(std::size_t body_bytes) {
  if (!chunks_.empty()) {
    Chunk& last = chunks_.back();
    if (last.bytes.size() + cost(body_bytes) <= limits_.batch_bytes_max) return last;
  }
  std::list<Chunk> fresh;
  if (spare_.empty()) {
    fresh.emplace_back();
  } else {
    fresh.splice(fresh.begin(), spare_, spare_.begin());
  }
  fresh.front().bytes.reserve(std::max(limits_.batch_bytes_max, body_bytes));
  chunks_.splice(chunks_.end(), fresh);
  return chunks_.back();
}

std::size_t EventRing::enforce_limits() noexcept {
  std::size_t gone = 0;
  while (events_ > limits_.events_max || bytes_ > limits_.bytes_max) {
    let_oldest_go();
    ++gone;
  }
  return gone;
}

void EventRing::let_oldest_go() noexcept {
  Chunk& chunk = chunks_.front();
  const std::string_view body = chunk.body();
  const std::size_t size = std::min(body.find('\n'), body.size());
  bytes_ -= cost(size);
  --events_;
  if (--chunk.events > 0) {
    chunk.begin += cost(size);
    return;
  }
  Batch emptied;
  emptied.chunks_.splice(emptied.chunks_.begin(), chunks_, chunks_.begin());
  recycle(emptied);
}

Batch EventRing::take() noexcept {
  Batch batch;
  if (chunks_.empty()) return batch;
  batch.chunks_.splice(batch.chunks_.begin(), chunks_, chunks_.begin());
  events_ -= batch.events();
  bytes_ -= cost(batch.body().size());
  return batch;
}

std::size_t EventRing::put_back(Batch&& batch) noexcept {
  if (batch.empty()) return 0;
  events_ += batch.events();
  bytes_ += cost(batch.body().size());
  chunks_.splice(chunks_.begin(), batch.chunks_);
  return enforce_limits();
}

void EventRing::recycle(Batch& batch) noexcept {
  if (batch.empty()) return;
  Chunk& chunk = batch.chunks_.front();
  chunk.clear();
  const bool oversized = chunk.bytes.capacity() > 2 * limits_.batch_bytes_max;
  if (oversized || spare_.size() >= kSpareChunksMax) return;
  spare_.splice(spare_.end(), batch.chunks_);
}

}  // namespace ppo
