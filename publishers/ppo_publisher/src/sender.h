// The library's one thread: from the outbox to the bridge, and from the bridge to the commands.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <thread>
#include <vector>
#include <zmq.hpp>

#include <ppo_publisher/publisher.h>

#include "announcement.h"
#include "bridge_addresses.h"
#include "control.h"
#include "link.h"
#include "outbox.h"

namespace ppo {

// The constructing thread owns it; the links belong to the thread that it starts, "ppo-publisher",
// which never runs a handler and never waits for one, so that events leave and can be had again
// whatever the program is busy with.
class Sender {
 public:
  // `outbox` and `announcement` must outlive it. REQUIRES: valid options, with a source. Throws
  // std::exception when ZeroMQ does not take the events' endpoints or a thread cannot be had.
  Sender(const PublisherOptions& options, Outbox& outbox, Announcement& announcement);

  // As close().
  ~Sender() { close(); }

  Sender(const Sender&) = delete;
  Sender& operator=(const Sender&) = delete;

  // Null where there is none; no_control() says why.
  Control* control() const { return control_.get(); }
  const std::string& no_control() const { return no_control_; }

  // Once the outbox is closed, the thread sends what it can, at most flush_ms, and ends that link
  // by itself. After close() it goes on giving events until none were asked for in a while, at most
  // flush_ms, and ends. Waits for that. Idempotent, thread-safe. REQUIRES: the outbox is closed.
  void close() noexcept;

 private:
  using Clock = std::chrono::steady_clock;
  enum class Step { sent, idle, blocked };

  void start_control(const PublisherOptions& options);
  void run() noexcept;
  void loop();
  Step turn_events();
  Step send_one();
  void announce_if_due();
  bool finished();
  void end_events(int linger_ms);
  bool turn_control();
  bool control_lingers();
  void choose_bridge();
  void wait(Step step);
  Clock::time_point until(Step step) const;
  bool finishing() const { return finish_by_ != Clock::time_point::max(); }

  Outbox& outbox_;
  Announcement& announcement_;
  const std::string topic_end_;  // /SOURCE/
  const std::chrono::milliseconds flush_;
  const Clock::time_point started_ = Clock::now();
  const std::vector<BridgeAddress> bridges_;
  zmq::context_t context_;
  Link link_;
  std::unique_ptr<Control> control_;
  std::string no_control_;

  // The thread's own.
  bool ever_connected_ = false;
  AnnouncementSchedule schedule_;
  Clock::time_point finish_by_ = Clock::time_point::max();  // once the outbox is closed
  bool events_ended_ = false;
  Clock::time_point events_gone_at_{};  // when the last of them had left
  bool control_ended_ = false;
  std::size_t bridge_ = 0;         // the one of bridges_ that the control connection is of
  std::size_t events_bridge_ = 0;  // and that events go to
  Clock::time_point away_until_ = Clock::time_point::max();  // while it is away: when to try the next one
  std::minstd_rand random_{std::random_device{}()};

  std::atomic<bool> closing_{false};
  std::mutex close_mutex_;  // guards thread_
  std::thread thread_;      // last: starts when everything else is there
};

}  // namespace ppo
