// Sends JSON by HTTP POST to where people want to be told, on a thread of its own: with timeouts, again after a while,
// and nowhere but to loopback and the hosts that the configuration names.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/clock.h"

namespace bridge {

inline constexpr std::size_t kWebhookBytesMax = 1024;
inline constexpr std::size_t kWebhooksWaitingMax = 256;
inline constexpr std::size_t kWebhooksWaitingOfOneMax = 32;

// Why the entry is no HOST or HOST:PORT; "" where it is one.
std::string check_webhook_host(const std::string& entry);
// The URL without what may be secret in it.
std::string shown_webhook(std::string_view url);

// All but the thread's own on one thread: the log's.
class Webhooks {
 public:
  struct Sent {
    std::uint64_t alert_id = 0;
    std::uint64_t seq = 0;  // as they were given
    bool success = false;
    std::string message;
  };
  struct Listener {
    std::function<void(std::function<void()>)> post;  // runs a function on the log's thread, later
    std::function<void(const Sent&)> on_sent;          // called there, once for each that was taken
  };

  Webhooks(std::vector<std::string> hosts, const Clock& clock, Listener listener);
  ~Webhooks();
  Webhooks(const Webhooks&) = delete;
  Webhooks& operator=(const Webhooks&) = delete;

  struct Refusal {
    bool forbidden = false;  // else it is no URL of the form that is wanted
    std::string message;
  };
  // Nothing where it may be sent to, as far as can be told without asking for the host's address.
  std::optional<Refusal> check(const std::string& url) const;

  // Those of one alert are sent in order. False where too much waits: it is dropped.
  [[nodiscard]] bool offer(std::uint64_t alert_id, std::uint64_t seq, std::string url, std::string body);
  std::size_t waiting() const { return waiting_; }

 private:
  struct Job;
  struct Transfer;
  class Multi;

  bool is_listed(const std::string& host, const std::string& port) const;
  void run();
  void finish(Job& job, bool success, std::string message);

  const std::vector<std::string> hosts_;
  const Clock& clock_;
  const Listener listener_;
  const std::shared_ptr<char> alive_ = std::make_shared<char>();

  std::mutex mutex_;
  std::deque<std::unique_ptr<Job>> jobs_;  // guarded: as they came; done ones go
  Multi* multi_ = nullptr;                 // guarded: the thread's, while it runs
  std::atomic<std::size_t> waiting_{0};
  std::atomic<bool> stopping_{false};
  std::thread thread_;  // begun with the first
};

}  // namespace bridge
