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
  first_seq = 0;
  mixed = false;
}

std::string_view Batch::topic_type() const {
  return chunk_->mixed && chunk_->events > 1 ? "batch" : type_of(chunk_->body());
}

std::size_t EventRing::push(std::initializer_list<std::string_view> pieces) {
  std::size_t size = 0;
  for (const std::string_view piece : pieces) size += piece.size();
  assert(fits(size));

  // Everything that may throw comes first. A chunk that was just made is empty only until below.
  Chunk& chunk = chunk_for(size);
  const bool first = chunk.events == 0;
  if (first) chunk.first_seq = next_seq_;
  if (!first) chunk.bytes += '\n';
  const std::size_t start = chunk.bytes.size();
  for (const std::string_view piece : pieces) chunk.bytes += piece;
  if (!first && !chunk.mixed) {
    const std::string_view bytes = chunk.bytes;
    chunk.mixed = type_of(bytes.substr(start)) != type_of(bytes.substr(chunk.newest));
  }
  chunk.newest = start;
  ++chunk.events;
  ++next_seq_;
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
  while (events_ + kept_events_ > limits_.events_max || bytes_ + kept_bytes_ > limits_.bytes_max) {
    if (!kept_.empty()) {
      kept_bytes_ -= let_oldest_go(kept_);
      --kept_events_;
    } else {
      bytes_ -= let_oldest_go(chunks_);
      --events_;
      ++gone;
    }
  }
  return gone;
}

// Returns what it counted for.
std::size_t EventRing::let_oldest_go(std::list<Chunk>& chunks) noexcept {
  Chunk& chunk = chunks.front();
  const std::string_view body = chunk.body();
  const std::size_t size = std::min(body.find('\n'), body.size());
  if (--chunk.events > 0) {
    chunk.begin += cost(size);
    ++chunk.first_seq;
  } else {
    recycle(chunks);
  }
  return cost(size);
}

Batch EventRing::take() noexcept {
  assert(in_hand_.empty());
  Batch batch;
  if (chunks_.empty()) return batch;
  in_hand_.splice(in_hand_.begin(), chunks_, chunks_.begin());
  batch.chunk_ = &in_hand_.front();
  events_ -= batch.events();
  bytes_ -= cost(batch.body().size());
  return batch;
}

void EventRing::sent(Batch&& batch) noexcept {
  if (batch.empty()) return;
  batch.chunk_ = nullptr;
  keep(in_hand_);
  enforce_limits();
}

std::size_t EventRing::put_back(Batch&& batch) noexcept {
  if (batch.empty()) return 0;
  events_ += batch.events();
  bytes_ += cost(batch.body().size());
  batch.chunk_ = nullptr;
  chunks_.splice(chunks_.begin(), in_hand_);
  return enforce_limits();
}

void EventRing::abandon() noexcept {
  while (!chunks_.empty()) keep(chunks_);
  events_ = 0;
  bytes_ = 0;
}

// Moves the first chunk to the end of those that were sent; into the last of them where it has the
// room, or an hour of events that came alone would be an hour of messages' worth of memory each.
void EventRing::keep(std::list<Chunk>& chunks) noexcept {
  const Chunk& chunk = chunks.front();
  const std::string_view body = chunk.body();
  kept_events_ += chunk.events;
  kept_bytes_ += cost(body.size());
  if (!kept_.empty()) {
    Chunk& last = kept_.back();
    const bool follows = last.end_seq() == chunk.first_seq;
    if (follows && last.bytes.capacity() - last.bytes.size() >= cost(body.size())) {
      last.bytes += '\n';
      last.bytes += body;
      last.events += chunk.events;
      recycle(chunks);
      return;
    }
  }
  kept_.splice(kept_.end(), chunks, chunks.begin());
}

EventRing::Copied EventRing::copy(std::uint64_t from, std::uint64_t to, std::size_t bytes_max,
                                  std::string& out) const {
  Copied copied{0, from};
  std::size_t bytes = 0;
  for (const std::list<Chunk>* chunks : {&kept_, &in_hand_, &chunks_}) {
    for (const Chunk& chunk : *chunks) {
      if (chunk.end_seq() <= from) continue;
      std::string_view rest = chunk.body();
      for (std::uint64_t seq = chunk.first_seq; seq < chunk.end_seq(); ++seq) {
        if (seq > to) return copied;
        const std::string_view body = rest.substr(0, rest.find('\n'));
        rest.remove_prefix(std::min(cost(body.size()), rest.size()));
        if (seq < from) continue;
        if (copied.events != 0 && bytes + cost(body.size()) > bytes_max) return copied;
        if (!out.empty()) out += ',';
        out += body;
        bytes += cost(body.size());
        ++copied.events;
        copied.next = seq + 1;
      }
    }
  }
  return copied;
}

std::uint64_t EventRing::oldest_seq() const {
  for (const std::list<Chunk>* chunks : {&kept_, &in_hand_, &chunks_}) {
    if (!chunks->empty()) return chunks->front().first_seq;
  }
  return next_seq_;
}

// Takes the first chunk off, and keeps its memory for the next one.
void EventRing::recycle(std::list<Chunk>& chunks) noexcept {
  Chunk& chunk = chunks.front();
  chunk.clear();
  const bool oversized = chunk.bytes.capacity() > 2 * limits_.batch_bytes_max;
  if (oversized || spare_.size() >= kSpareChunksMax) {
    chunks.pop_front();
  } else {
    spare_.splice(spare_.end(), chunks, chunks.begin());
  }
}

}  // namespace ppo
