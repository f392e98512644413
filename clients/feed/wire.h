#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace feed {

// One WebSocket connection at a time, the loop that it lives on, and that loop's timers: everything
// that is websocketpp's and Asio's stays behind this header.
//
// Thread: the one inside run(); post() and stop() may be called from any. Callbacks come on the
// loop's thread, never from within a call of open(), drop() or close().
class Wire {
 public:
  static constexpr size_t kMessageBytesMax = 16u << 20;

  struct Closed {
    std::string reason;  // a sentence part: "Connection refused", "closed by the bridge (1001 bye)"
    std::uint16_t code = 0;  // the bridge's close code; 0 where it sent none
    bool needs_a_person = false;  // as long as nobody changes an address or a certificate, trying again is in vain
  };
  struct Callbacks {
    std::function<void()> on_open;
    std::function<void(std::string text)> on_text;
    std::function<void()> on_sign_of_life;  // a ping or pong of the bridge
    std::function<void(Closed)> on_closed;  // once an open(), unless dropped
  };
  enum class Timer { kDeadline, kRetry, kAlive, kClosing };

  // `ca`: a PEM file of whom to trust with wss://; "" = whom the system does.
  explicit Wire(Callbacks callbacks, std::string ca = {});
  ~Wire();
  Wire(const Wire&) = delete;
  Wire& operator=(const Wire&) = delete;

  // Runs the loop until stop(); every task whose post() was accepted is done by then.
  void run();
  void stop();
  // False after the end of run(): the task is not done.
  [[nodiscard]] bool post(std::function<void()> task);

  // Starts or restarts a timer.
  void set_timer(Timer timer, std::chrono::milliseconds wait, std::function<void()> task);
  void cancel_timer(Timer timer);
  void cancel_timers();

  // Begins to connect; drops the connection before it, if any. REQUIRES: complete_url() gave `url`
  void open(const std::string& url);
  // False where there is no open connection.
  bool send(const std::string& text);
  void ping();
  // Stops and resumes reading; what one read brought is still delivered, so at most 64 KiB and a
  // message.
  void pause();
  void resume();
  bool paused() const;
  // Says goodbye; on_closed follows when the bridge has said so too. Does nothing where nothing is
  // open.
  void close();
  // Forgets the connection at once, in whatever state it is; on_closed is not called.
  void drop();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace feed
