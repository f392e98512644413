#include "journal.h"

#include <algorithm>
#include <utility>

namespace sim {
namespace {

constexpr std::size_t kBlocksKept = 60;  // by one that forgets

}  // namespace

void SimJournal::keep(const bridge::BlockPtr& block) {
  blocks_.push_back(block);
  if (manners_ == JournalManners::forgets_and_fails && blocks_.size() > kBlocksKept) {
    blocks_.pop_front();
  }
}

std::uint64_t SimJournal::first_seq() const {
  return blocks_.empty() ? 1 : blocks_.front()->first_seq();
}

std::uint64_t SimJournal::last_seq() const {
  return blocks_.empty() ? 0 : blocks_.back()->last_seq();
}

bool SimJournal::holds(std::uint64_t from_seq, std::uint64_t to_seq) const {
  return from_seq >= first_seq() && to_seq <= last_seq();
}

void SimJournal::later(std::function<void()> what) {
  world_.after(world_.random.between(0, 40 * kMs),
               [alive = std::weak_ptr<char>(alive_), what = std::move(what)] {
                 if (!alive.expired()) what();
               });
}

bool SimJournal::fails() const {
  return manners_ == JournalManners::forgets_and_fails && world_.random.one_in(10);
}

void SimJournal::read(std::uint64_t from_seq, std::function<void(Slice)> done) {
  later([this, from_seq, done = std::move(done)] {
    const auto first = std::find_if(blocks_.begin(), blocks_.end(), [&](const auto& block) {
      return block->last_seq() >= from_seq;
    });
    Slice out;
    out.unreadable = fails();
    if (!out.unreadable && first != blocks_.end()) out.blocks.push_back(*first);
    done(std::move(out));
  });
}

void SimJournal::read_back(std::uint64_t to_seq, std::function<void(Slice)> done) {
  later([this, to_seq, done = std::move(done)] {
    const auto last = std::find_if(blocks_.rbegin(), blocks_.rend(), [&](const auto& block) {
      return block->first_seq() <= to_seq;
    });
    Slice out;
    out.unreadable = fails();
    if (!out.unreadable && last != blocks_.rend()) out.blocks.push_back(*last);
    done(std::move(out));
  });
}

void SimJournal::find_time(std::int64_t timestamp_us, std::function<void(std::uint64_t)> done) {
  later([this, timestamp_us, done = std::move(done)] {
    for (const bridge::BlockPtr& block : blocks_) {
      for (std::size_t i = 0; i < block->size(); ++i) {
        if (block->entry(i).timestamp_us >= timestamp_us) return done(block->seq(i));
      }
    }
    done(last_seq() + 1);
  });
}

// It does not know.
void SimJournal::find_types(bridge::TypeSearch search, std::function<void(const bridge::TypeStretch&)> done) {
  later([search = std::move(search), done = std::move(done)] {
    done({std::min(search.at, search.bound), std::max(search.at, search.bound), 0, 0});
  });
}

void SimJournal::find_last(bridge::LookBack wanted,
                           std::function<void(std::uint64_t, bool)> done) {
  later([this, wanted = std::move(wanted), done = std::move(done)] {
    std::uint64_t left = wanted.count;
    for (auto block = blocks_.rbegin(); block != blocks_.rend(); ++block) {
      for (std::size_t i = (*block)->size(); i > 0; --i) {
        const std::uint64_t seq = (*block)->seq(i - 1);
        if (seq >= wanted.before_seq || !wanted.subscription->matches(**block, i - 1)) continue;
        if (--left == 0) return done(seq - 1, true);
      }
    }
    done(first_seq() - 1, false);
  });
}

}  // namespace sim
