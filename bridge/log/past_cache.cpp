#include "log/past_cache.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "base/limits.h"

namespace bridge {
namespace {

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
    place.unreadable = reader_ != nullptr && !reader_->readable();
    place.next_held = std::numeric_limits<std::uint64_t>::max();
  } else if (seq < reader_->first_seq()) {
    place.next_held = reader_->first_seq();
  } else if ((place.block = find(seq))) {
    ++given_;
    read_ahead(place.block, last_wanted);
  } else if (!take_missing(seq, false, waiter, &place)) {
    return wait(seq, false, waiter);
  }
  return place;
}

PastCache::Place PastCache::look_back(std::uint64_t seq, std::uint64_t first_wanted,
                                      Waiter* waiter) {
  Place place;
  if (reader_ == nullptr || seq < reader_->first_seq()) {
    place.unreadable = reader_ != nullptr && !reader_->readable();
    place.next_held = 0;
  } else if (seq > reader_->last_seq()) {
    place.next_held = reader_->last_seq();
  } else if ((place.block = find(seq))) {
    ++given_;
    const std::uint64_t next = place.block->first_seq() - 1;
    if (next >= std::max(first_wanted, reader_->first_seq()) && !find(next) &&
        in_flight_ < kRequestsInFlightMax / 2) {
      request(next, true);
      send_requests();
    }
  } else if (!take_missing(seq, true, waiter, &place)) {
    return wait(seq, true, waiter);
  }
  return place;
}

bool PastCache::take_missing(std::uint64_t seq, bool back, Waiter* waiter, Place* place) {
  const auto found = missing_.find(waiter);
  if (found == missing_.end()) return false;
  const Missing missing = found->second;
  missing_.erase(found);
  if (seq < missing.range.from || seq > missing.range.to) return false;
  place->next_held = back ? missing.range.from - 1 : missing.range.to + 1;
  place->unreadable = missing.unreadable;
  return true;
}

PastCache::Place PastCache::wait(std::uint64_t seq, bool back, Waiter* waiter) {
  auto& waiters = request(seq, back).waiters;
  if (std::find(waiters.begin(), waiters.end(), waiter) == waiters.end()) {
    waiters.push_back(waiter);
  }
  send_requests();
  Place place;
  place.pending = true;
  return place;
}

void PastCache::read_ahead(BlockPtr block, std::uint64_t last_wanted) {
  if (in_flight_ >= kRequestsInFlightMax / 2) return;
  for (int i = 0; i < kBlocksAhead; ++i) {
    const std::uint64_t next = block->last_seq() + 1;
    if (next > last_wanted || next > reader_->last_seq()) return;
    block = find(next);
    if (block) continue;
    request(next, false);
    send_requests();
    return;
  }
}

PastCache::Request& PastCache::request(std::uint64_t at, bool back) {
  for (Request& r : requests_) {
    if (r.at == at && r.back == back) return r;
  }
  requests_.emplace_back().at = at;
  requests_.back().back = back;
  return requests_.back();
}

void PastCache::send_requests() {
  for (Request& r : requests_) {
    if (in_flight_ >= kRequestsInFlightMax) return;
    if (r.sent) continue;
    r.sent = true;
    ++in_flight_;
    const auto done = [this, at = r.at, back = r.back,
                       alive = std::weak_ptr<char>(alive_)](const PastReader::Slice& slice) {
      if (!alive.expired()) on_slice(at, back, slice);
    };
    if (r.back) {
      reader_->read_back(r.at, done);
    } else {
      reader_->read(r.at, done);
    }
  }
}

void PastCache::on_slice(std::uint64_t at, bool back, const PastReader::Slice& slice) {
  --in_flight_;
  const auto request = std::find_if(requests_.begin(), requests_.end(), [&](const Request& r) {
    return r.at == at && r.back == back && r.sent;
  });
  std::vector<Waiter*> waiters;
  if (request != requests_.end()) {
    waiters = std::move(request->waiters);
    requests_.erase(request);
  }
  const auto& blocks = slice.blocks;
  SeqRange range{at, at};
  if (back) {
    range.from = blocks.empty() ? reader_->first_seq() : blocks.back()->last_seq() + 1;
  } else {
    range.to = blocks.empty() ? reader_->last_seq() : blocks.front()->first_seq() - 1;
  }
  if (range.from <= range.to) {
    for (Waiter* const waiter : waiters) missing_[waiter] = {range, slice.unreadable};
  }
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
  while (bytes_ > bytes_max_ && order_.size() > 1) {
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
  missing_.erase(waiter);
  std::replace(calling_.begin(), calling_.end(), waiter, static_cast<Waiter*>(nullptr));
}

}  // namespace bridge
