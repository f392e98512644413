// The journal without its file and its thread: it answers late, and may have let go of its oldest or fail.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>

#include "log/past_reader.h"
#include "world.h"

namespace sim {

enum class JournalManners { none, keeps_all, forgets_and_fails };

// What of the log it was given last. The world must outlive it.
class SimJournal final : public bridge::PastReader {
 public:
  SimJournal(World& world, JournalManners manners) : world_(world), manners_(manners) {}

  void keep(const bridge::BlockPtr& block);

  std::uint64_t first_seq() const override;
  std::uint64_t last_seq() const override;
  bool readable() const override { return true; }
  bool holds(std::uint64_t from_seq, std::uint64_t to_seq) const override;
  void read(std::uint64_t from_seq, std::function<void(Slice)> done) override;
  void read_back(std::uint64_t to_seq, std::function<void(Slice)> done) override;
  void find_time(std::int64_t timestamp_us, std::function<void(std::uint64_t)> done) override;
  void find_types(bridge::TypeSearch search, std::function<void(const bridge::TypeStretch&)> done) override;
  void find_last(bridge::LookBack wanted,
                 std::function<void(std::uint64_t, bool)> done) override;

 private:
  void later(std::function<void()> what);
  bool fails() const;

  World& world_;
  const JournalManners manners_;
  std::deque<bridge::BlockPtr> blocks_;
  const std::shared_ptr<char> alive_ = std::make_shared<char>();
};

}  // namespace sim
