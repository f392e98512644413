#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "feed/backoff.h"
#include "feed/wire.h"

namespace feed {

// A connection that is kept: when it is lost, or silent, it is made again, to the next one of the bridges, until somebody
// ends it or no attempt can help.
//
// Thread: the wire's, also of the callbacks. REQUIRES: whoever it connects for says when it stands(), within connect_timeout;
// one that never stood is an attempt in vain.
class KeptConnection {
 public:
  struct Options {
    std::string urls;  // of all bridges, with commas between
    std::string ca;    // see Wire
    bool secret = false;  // something will be said that nobody else may read
    std::chrono::milliseconds connect_timeout{};
    Backoff::Range backoff;
    std::chrono::milliseconds ping_interval{};
    std::chrono::milliseconds silence_max{};
    std::uint64_t seed = 0;  // of the back-off's jitter; 0: a random one
  };
  struct Callbacks {
    std::function<void()> on_open;
    std::function<void(std::string text)> on_text;
    // It will be made again. `tell`: this outage has not been told yet, and no bridge of them answers.
    std::function<void(std::string reason, bool tell)> on_lost;
    // It will not. `error_type`: the bridge's word for it, where it was the bridge that refused; else empty.
    std::function<void(std::string error_type, std::string reason)> on_failed;
  };

  KeptConnection(Options options, Callbacks callbacks);

  // To run the thread, to post to it, to send, and to stop reading.
  Wire& wire() { return wire_; }

  // Begins to connect. Once.
  void begin();
  // What it was connected for is agreed on.
  void stands();
  bool stood_before() const { return ever_stood_; }
  // A connection that brought what it is for is a good one, however short.
  void brought_something() { brought_something_ = true; }
  void heard() { heard_ = true; }

  // Drops this connection and comes again; later, where the bridge asked for that.
  void lose(std::string reason, bool come_later = false);
  void fail(std::string error_type, std::string reason);
  // Says goodbye where that is `polite`, ends all of it, and calls `done`.
  void end(bool polite, std::function<void()> done);
  bool ended() const { return ended_; }

 private:
  void connect();
  void drop();
  void on_closed(Wire::Closed closed);
  void watch_silence();

  const Options options_;
  const Callbacks callbacks_;
  Wire wire_;
  Backoff backoff_;
  std::vector<std::string> urls_;
  std::size_t at_ = 0;     // which of them
  std::size_t tried_ = 0;  // in vain, one after the other
  bool stands_ = false;
  std::chrono::steady_clock::time_point stands_since_{};
  bool ever_stood_ = false;
  bool brought_something_ = false;
  bool heard_ = false;  // since the last tick
  int silent_ticks_ = 0;
  bool outage_told_ = false;
  bool ended_ = false;
  std::function<void()> done_;
};

}  // namespace feed
