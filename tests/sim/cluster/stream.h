// A broker's log as bridges see it: messages and answers that are lost, late, doubled and out of order, spells without a
// leader, replicas that lag.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "cluster/shared_log.h"
#include "world.h"

namespace sim {

// All of it drawn from the seed.
struct StreamManners {
  std::uint64_t loses_one_in = 0;       // of whatever is under way; 0 = never
  std::uint64_t late_one_in = 0;        // of proposals: in the log seconds later
  std::uint64_t lost_acks_one_in = 0;
  std::int64_t slow_us = 3 * kMs;       // of each way
  std::int64_t lag_us = 0;              // until a replica that answers fetch() has it
  std::int64_t calm_us_max = 0;         // between two spells without a leader; 0 = there are none
  std::uint64_t keeps = 0;              // messages; those behind the newest whole checkpoint always. 0 = all
};

// The log itself. The world must outlive it.
class SimStream {
 public:
  SimStream(World& world, StreamManners manners);

  // No more trouble.
  void settle();
  // Everything from `last_seq` on is gone, as after a power cut.
  void cut_back(std::uint64_t last_seq);

  std::uint64_t first_seq() const { return first_seq_; }
  std::uint64_t last_seq() const { return messages_.size(); }
  const std::string& message(std::uint64_t seq) const { return messages_[seq - 1].bytes; }

 private:
  friend class SimStreamLink;
  struct Message {
    std::string bytes;
    std::int64_t at_us = 0;
    bool checkpoint = false;
  };

  bool lost() { return manners_.loses_one_in != 0 && world_.random.one_in(manners_.loses_one_in); }
  std::int64_t delay() { return world_.random.between(50, manners_.slow_us); }
  bool holds(std::uint64_t seq) const { return seq >= first_seq_ && seq <= last_seq(); }
  void commit(const std::string& bytes, bool checkpoint);
  void let_go();
  void spell();

  World& world_;
  StreamManners manners_;
  std::vector<Message> messages_;  // also those that it holds no more
  std::uint64_t first_seq_ = 1;
  std::uint64_t whole_at_ = 0;  // what the newest whole checkpoint goes up to
  std::vector<class SimStreamLink*> links_;
  bool has_leader_ = true;
  bool settled_ = false;
};

// One bridge's connection. What is under way when it goes does not arrive.
class SimStreamLink final : public bridge::SharedLog {
 public:
  SimStreamLink(World& world, SimStream& stream);
  ~SimStreamLink() override;
  SimStreamLink(const SimStreamLink&) = delete;
  SimStreamLink& operator=(const SimStreamLink&) = delete;

  void set_listener(bridge::SharedLogListener* listener) { listener_ = listener; }
  // This bridge alone reads another message there: its replica is damaged.
  void falsify(std::uint64_t seq, std::string bytes) { false_[seq] = std::move(bytes); }

  void publish(std::uint64_t no, std::string_view bytes) override;
  void fetch(std::uint64_t seq) override;
  void catch_up(std::uint64_t from_seq) override;
  void ask_end(std::uint64_t folded) override;
  void publish_checkpoint(std::string_view bytes) override;
  void find_checkpoint() override;

 private:
  friend class SimStream;
  void deliver(std::uint64_t seq);
  void later(std::function<void()> what);
  void send(std::uint64_t no, std::string_view bytes, bool checkpoint);
  const std::string& read(std::uint64_t seq) const;

  World& world_;
  SimStream& stream_;
  bridge::SharedLogListener* listener_ = nullptr;
  std::map<std::uint64_t, std::string> false_;
  const std::shared_ptr<char> alive_ = std::make_shared<char>();
};

}  // namespace sim
