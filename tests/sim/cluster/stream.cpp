#include "stream.h"

#include <algorithm>

#include "cluster/checkpoint.h"

namespace sim {

SimStream::SimStream(World& world, StreamManners manners) : world_(world), manners_(manners) {
  if (manners_.calm_us_max != 0) spell();
}

void SimStream::spell() {
  world_.after(world_.random.between(100 * kMs, manners_.calm_us_max), [this] {
    if (settled_) return;
    has_leader_ = false;
    world_.note("no leader");
    world_.after(world_.random.between(50 * kMs, 5000 * kMs), [this] {
      has_leader_ = true;
      world_.note("a leader");
      if (!settled_) spell();
    });
  });
}

void SimStream::settle() {
  settled_ = true;
  manners_.loses_one_in = manners_.late_one_in = manners_.lost_acks_one_in = 0;
}

void SimStream::cut_back(std::uint64_t last_seq) {
  messages_.resize(std::min<std::size_t>(messages_.size(), last_seq));
}

void SimStream::commit(const std::string& bytes, bool checkpoint) {
  messages_.push_back({bytes, world_.clock.steady_us(), checkpoint});
  let_go();
  for (SimStreamLink* link : links_) link->deliver(last_seq());
}

// Hours go by between two checkpoints and what a log lets go of: in a storm of seconds that is made so.
void SimStream::let_go() {
  bridge::CheckpointMessage message;
  if (bridge::read_checkpoint_message(messages_.back().bytes, &message) && message.is_last()) whole_at_ = message.at;
  if (manners_.keeps == 0 || settled_ || last_seq() <= manners_.keeps) return;
  first_seq_ = std::max(first_seq_, std::min(last_seq() - manners_.keeps, whole_at_) + 1);
}

SimStreamLink::SimStreamLink(World& world, SimStream& stream) : world_(world), stream_(stream) {
  stream_.links_.push_back(this);
}

SimStreamLink::~SimStreamLink() {
  stream_.links_.erase(std::find(stream_.links_.begin(), stream_.links_.end(), this));
}

void SimStreamLink::later(std::function<void()> what) {
  world_.after(stream_.delay(), [alive = std::weak_ptr<char>(alive_), what = std::move(what)] {
    if (!alive.expired()) what();
  });
}

const std::string& SimStreamLink::read(std::uint64_t seq) const {
  const auto other = false_.find(seq);
  return other == false_.end() ? stream_.message(seq) : other->second;
}

void SimStreamLink::deliver(std::uint64_t seq) {
  if (stream_.lost()) return;
  later([this, seq] {
    if (seq <= stream_.last_seq()) listener_->on_message(seq, read(seq), world_.clock.steady_us());
  });
}

void SimStreamLink::publish(std::uint64_t no, std::string_view bytes) { send(no, bytes, false); }
void SimStreamLink::publish_checkpoint(std::string_view bytes) { send(0, bytes, true); }

// What is sent arrives though its sender be gone by then.
void SimStreamLink::send(std::uint64_t no, std::string_view bytes, bool checkpoint) {
  if (stream_.lost()) return;
  std::int64_t delay = stream_.delay();
  if (stream_.manners_.late_one_in != 0 && world_.random.one_in(stream_.manners_.late_one_in)) {
    delay += world_.random.between(100 * kMs, 4000 * kMs);
  }
  world_.after(delay, [this, alive = std::weak_ptr<char>(alive_), &stream = stream_, no, checkpoint,
                       bytes = std::string(bytes)] {
    if (!stream.has_leader_) {
      if (alive.expired() || checkpoint) return;
      later([this] { listener_->on_no_leader(world_.clock.steady_us()); });
      return;
    }
    stream.commit(bytes, checkpoint);
    if (alive.expired() || checkpoint || stream.lost()) return;
    if (stream.manners_.lost_acks_one_in != 0 && world_.random.one_in(stream.manners_.lost_acks_one_in)) return;
    later([this, no, seq = stream.last_seq()] { listener_->on_ack(no, seq, world_.clock.steady_us()); });
  });
}

void SimStreamLink::fetch(std::uint64_t seq) {
  if (stream_.lost()) return;
  later([this, seq] {
    const bool there = stream_.holds(seq) &&
                       stream_.messages_[seq - 1].at_us + stream_.manners_.lag_us <= world_.clock.steady_us();
    later([this, seq, there] {
      if (there && stream_.holds(seq)) {
        listener_->on_message(seq, read(seq), world_.clock.steady_us());
      } else {
        listener_->on_missing(seq, world_.clock.steady_us());
      }
    });
  });
}

void SimStreamLink::catch_up(std::uint64_t from_seq) {
  later([this, from_seq] {
    for (std::uint64_t seq = std::max(from_seq, stream_.first_seq()); seq <= stream_.last_seq(); ++seq) deliver(seq);
  });
}

void SimStreamLink::ask_end(std::uint64_t folded) {
  if (!stream_.has_leader_ || stream_.lost()) return;
  later([this, folded] {
    later([this, folded, first = stream_.first_seq(), last = stream_.last_seq()] {
      listener_->on_end(folded, first, last, world_.clock.steady_us());
    });
  });
}

void SimStreamLink::find_checkpoint() {
  if (stream_.lost()) return;
  later([this] {
    std::uint64_t seq = stream_.last_seq();
    const std::int64_t as_of_us = world_.clock.steady_us() - stream_.manners_.lag_us;
    const auto is_one = [&](const SimStream::Message& message) { return message.checkpoint && message.at_us <= as_of_us; };
    while (stream_.holds(seq) && !is_one(stream_.messages_[seq - 1])) --seq;
    later([this, seq] {
      if (stream_.holds(seq)) {
        listener_->on_checkpoint(seq, read(seq), world_.clock.steady_us());
      } else {
        listener_->on_no_checkpoint(world_.clock.steady_us());
      }
    });
  });
}

}  // namespace sim
