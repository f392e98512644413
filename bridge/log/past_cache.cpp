#include "log/past_cache.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace bridge {
namespace {

constexpr std::size_t kSlicesBytesMax = 32 * 1024 * 1024;
constexpr std::size_t kRequestsInFlightMax = 8;
constexpr int kBlocksAhead = 8;

}  // namespace

BlockPtr PastCache::find(std::uint64_t seq) const {
  auto it = blocks_.upper_bound(seq);
  if (it == blocks_.begin()) return nullptr;
  --it;
  return it->second->contains(seq) ? it->second : nullptr;
}

PastCache::Place PastCache::look(std::uint64_t seq, std::uint64_t last_wanted, Waiter* waiter) {
  Place place;
  if (reader_ == nullptr || reader_->first_seq() > reader_->last_seq() ||
      seq > reader_->last_seq()) {
    place.next_held = std::numeric_limits<std::uint64_t>::max();
    return place;
  }
  if (seq < reader_->first_seq()) {
    place.next_held = reader_->first_seq();
    return place;
  }
  place.block = find(seq);
  if (place.block) {
    ++given_;
    read_ahead(place.block, last_wanted);
    return place;
  }
  if (seq >= gone_from_ && seq < gone_next_) {
    place.next_held = gone_next_;
    return place;
  }
  place.pending = true;
  auto& waiters = request(seq).waiters;
  if (std::find(waiters.begin(), waiters.end(), waiter) == waiters.end()) {
    waiters.push_back(waiter);
  }
  send_requests();
  return place;
}

void PastCache::read_ahead(BlockPtr block, std::uint64_t last_wanted) {
  if (in_flight_ >= kRequestsInFlightMax / 2) return;
  for (int i = 0; i < kBlocksAhead; ++i) {
    const std::uint64_t next = block->last_seq() + 1;
    if (next > last_wanted || next > reader_->last_seq()) return;
    block = find(next);
    if (block) continue;
    request(next);
    send_requests();
    return;
  }
}

PastCache::Request& PastCache::request(std::uint64_t from) {
  for (Request& r : requests_) {
    if (r.from == from) return r;
  }
  requests_.emplace_back().from = from;
  return requests_.back();
}

void PastCache::send_requests() {
  for (Request& r : requests_) {
    if (in_flight_ >= kRequestsInFlightMax) return;
    if (r.sent) continue;
    r.sent = true;
    ++in_flight_;
    reader_->read(r.from, [this, from = r.from,
                           alive = std::weak_ptr<char>(alive_)](const PastReader::Blocks& blocks) {
      if (!alive.expired()) on_blocks(from, blocks);
    });
  }
}

void PastCache::on_blocks(std::uint64_t from, const PastReader::Blocks& blocks) {
  --in_flight_;
  const auto request = std::find_if(requests_.begin(), requests_.end(),
                                    [from](const Request& r) { return r.from == from && r.sent; });
  std::vector<Waiter*> waiters;
  if (request != requests_.end()) {
    waiters = std::move(request->waiters);
    requests_.erase(request);
  }
  gone_from_ = from;
  gone_next_ = blocks.empty() ? reader_->last_seq() + 1 : blocks.front()->first_seq();
  for (const BlockPtr& block : blocks) keep(block);
  send_requests();
  calling_ = std::move(waiters);
  for (std::size_t i = 0; i < calling_.size(); ++i) {
    if (calling_[i] != nullptr) calling_[i]->on_past();
  }
  calling_.clear();
}

void PastCache::keep(BlockPtr block) {
  const std::uint64_t first = block->first_seq();
  bytes_ += block->memory_bytes();
  const auto [it, fresh] = blocks_.try_emplace(first, block);
  if (!fresh) {
    bytes_ -= it->second->memory_bytes();
    it->second = std::move(block);
  } else {
    order_.push_back(first);
  }
  while (bytes_ > kSlicesBytesMax && order_.size() > 1) {
    const auto oldest = blocks_.find(order_.front());
    order_.pop_front();
    bytes_ -= oldest->second->memory_bytes();
    blocks_.erase(oldest);
  }
}

void PastCache::forget(Waiter* waiter) {
  for (Request& r : requests_) {
    r.waiters.erase(std::remove(r.waiters.begin(), r.waiters.end(), waiter), r.waiters.end());
  }
  std::replace(calling_.begin(), calling_.end(), waiter, static_cast<Waiter*>(nullptr));
}

}  // namespace bridge
