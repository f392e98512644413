// The one thread that talks to ZeroMQ: from the outbox to the link, whenever somebody is there.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <thread>

#include <ppo_publisher/publisher.h>

#include "announcement.h"
#include "link.h"
#include "outbox.h"

namespace ppo {

// The constructing thread owns it; the link belongs to the thread that it starts, "ppo-publisher".
class Sender {
 public:
  // `outbox` and `announcement` must outlive it. REQUIRES: valid options, with a source. Throws
  // std::exception when ZeroMQ does not take the endpoint or a thread cannot be had.
  Sender(const PublisherOptions& options, Outbox& outbox, Announcement& announcement);

  // REQUIRES: the outbox is closed. Waits until the thread has sent what it can, at most flush_ms,
  // and has closed the link.
  ~Sender();

  Sender(const Sender&) = delete;
  Sender& operator=(const Sender&) = delete;

 private:
  using Clock = std::chrono::steady_clock;
  enum class Step { sent, idle, blocked };

  void run() noexcept;
  void loop();
  Step send_one();
  void announce_if_due();
  bool finished();
  void wait(Step step);
  std::chrono::milliseconds patience(Step step) const;
  bool closing() const { return deadline_ != Clock::time_point::max(); }

  Outbox& outbox_;
  Announcement& announcement_;
  const std::string topic_end_;  // /SOURCE/
  const std::chrono::milliseconds flush_;
  const Clock::time_point started_ = Clock::now();
  Link link_;
  bool ever_connected_ = false;
  AnnouncementSchedule schedule_;
  Clock::time_point deadline_ = Clock::time_point::max();  // to finish by, once closing
  std::thread thread_;  // last: starts when everything else is there
};

}  // namespace ppo
