// A journal in memory that answers when the test says so.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "log/past_reader.h"

namespace bridge {

struct FakeJournal final : PastReader {
  std::uint64_t first_seq() const override {
    return blocks.empty() ? 1 : blocks.front()->first_seq();
  }
  std::uint64_t last_seq() const override {
    return blocks.empty() || in_trouble ? 0 : blocks.back()->last_seq();
  }
  bool readable() const override { return !in_trouble; }
  bool holds(std::uint64_t from, std::uint64_t to) const override {
    if (in_trouble) return false;
    for (; from <= to; ++from) {
      if (!find(from)) return false;
    }
    return true;
  }
  void read(std::uint64_t from, std::function<void(Slice)> done) override {
    ++reads;
    waiting.push_back([this, from, done] {
      Slice out;
      out.unreadable = unreadable;
      for (const BlockPtr& block : blocks) {
        if (unreadable || block->last_seq() < from) continue;
        out.blocks.push_back(block);
        break;
      }
      done(out);
    });
  }
  void read_back(std::uint64_t to, std::function<void(Slice)> done) override {
    ++reads;
    waiting.push_back([this, to, done] {
      Slice out;
      out.unreadable = unreadable;
      for (const BlockPtr& block : blocks) {
        if (!unreadable && block->first_seq() <= to) out.blocks = {block};
      }
      done(out);
    });
  }
  void find_time(std::int64_t timestamp_us, std::function<void(std::uint64_t)> done) override {
    ++searches;
    waiting.push_back([this, timestamp_us, done] {
      for (const BlockPtr& block : blocks) {
        for (std::size_t i = 0; i < block->size(); ++i) {
          if (block->entry(i).timestamp_us >= timestamp_us) return done(block->seq(i));
        }
      }
      done(last_seq() + 1);
    });
  }
  // Block by block.
  void find_types(TypeSearch search, std::function<void(const TypeStretch&)> done) override {
    REQUIRE((search.back ? search.bound >= first_seq() : search.bound <= last_seq()));
    waiting.push_back([this, search, done] {
      TypeStretch found;
      std::uint64_t seq = search.at;
      for (; search.back ? seq >= search.bound : seq <= search.bound; search.back ? --seq : ++seq) {
        const BlockPtr block = find(seq);
        if (!block) continue;
        bool may = unreadable;
        for (std::size_t i = 0; i < block->size(); ++i) {
          for (const std::string& type : search.types) may = may || pattern_matches(type, block->text(block->entry(i).type));
        }
        if (may) {
          found.from = search.back ? std::max(search.bound, block->first_seq()) : seq;
          found.to = search.back ? seq : std::min(search.bound, block->last_seq());
          return done(found);
        }
        ++found.held;
      }
      found.from = search.back ? search.bound : seq;
      found.to = search.back ? seq : search.bound;
      done(found);
    });
  }
  void find_last(LookBack wanted, std::function<void(std::uint64_t, bool)> done) override {
    waiting.push_back([this, wanted, done] {
      if (wanted.asker.expired()) ++cancelled;
      std::uint64_t left = wanted.count;
      for (std::uint64_t seq = wanted.before_seq - 1; seq >= first_seq(); --seq) {
        if (seq == unreadable_back_to) return done(seq, false);
        const BlockPtr block = find(seq);
        if (block && wanted.subscription->matches(*block, seq - block->first_seq()) && --left == 0) {
          if (meanwhile) meanwhile();
          return done(seq - 1, true);
        }
      }
      done(first_seq() - 1, false);
    });
  }
  BlockPtr find(std::uint64_t seq) const {
    for (const BlockPtr& block : blocks) {
      if (block->contains(seq)) return block;
    }
    return nullptr;
  }
  // Gives the answers that are due now, and those that they lead to.
  void answer() {
    while (!waiting.empty()) {
      auto now = std::exchange(waiting, {});
      for (const auto& f : now) f();
    }
  }

  std::vector<BlockPtr> blocks;
  std::vector<std::function<void()>> waiting;
  int reads = 0;
  int searches = 0;  // for a time
  bool unreadable = false;  // every read fails
  std::uint64_t unreadable_back_to = 0;  // from there down, by find_last()
  bool in_trouble = false;  // none is tried
  int cancelled = 0;
  std::function<void()> meanwhile;  // between what find_last() found and its answer
};

}  // namespace bridge
