// The log that several bridges share, as what folds it sees it. Behind it is a broker, or a simulator.
#pragma once

#include <cstdint>
#include <string_view>

namespace bridge {

// Everything may be lost, late, repeated and out of order, but for one thing: a sequence number means the same
// message to everybody and for good. Where it does not, ClusterLog says so and stops.
class SharedLog {
 public:
  virtual ~SharedLog() = default;
  // Puts a message into the log, whatever is in it. on_ack() or on_no_leader() may follow, or neither.
  virtual void publish(std::uint64_t no, std::string_view bytes) = 0;
  // Asks for one message; on_message() or on_missing() may follow.
  virtual void fetch(std::uint64_t seq) = 0;
  // Asks for all messages from there on, up to about the end; many on_message() follow.
  virtual void catch_up(std::uint64_t from_seq) = 0;
  // Asks where the log begins and ends; on_end() may follow, with `folded` as it was given.
  virtual void ask_end(std::uint64_t folded) = 0;
  // Puts a message into the log that find_checkpoint() finds; nothing follows but the message itself, or not.
  virtual void publish_checkpoint(std::string_view bytes) = 0;
  // Asks for the newest of those; on_checkpoint() or on_no_checkpoint() may follow.
  virtual void find_checkpoint() = 0;
};

// Who is told of it. One thread.
class SharedLogListener {
 public:
  virtual ~SharedLogListener() = default;
  virtual void on_message(std::uint64_t seq, std::string_view bytes, std::int64_t now_us) = 0;
  // Whoever was asked does not have that message, or not yet.
  virtual void on_missing(std::uint64_t seq, std::int64_t now_us) = 0;
  // The log holds [first_seq, last_seq], by the word of its leader; last_seq = first_seq - 1: nothing.
  // `folded`: how far this node had folded when it asked.
  virtual void on_end(std::uint64_t folded, std::uint64_t first_seq, std::uint64_t last_seq,
                      std::int64_t now_us) = 0;
  // Our proposal is message `seq`. That says nothing of what the fold will make of it.
  virtual void on_ack(std::uint64_t no, std::uint64_t seq, std::int64_t now_us) = 0;
  // Something that was published found nobody who could take it.
  virtual void on_no_leader(std::int64_t now_us) = 0;
  // As whoever was asked has it, who may lag.
  virtual void on_checkpoint(std::uint64_t /*seq*/, std::string_view /*bytes*/, std::int64_t /*now_us*/) {}
  virtual void on_no_checkpoint(std::int64_t /*now_us*/) {}
};

}  // namespace bridge
