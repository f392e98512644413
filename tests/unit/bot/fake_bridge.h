// The bridge's two sockets for bots, with a log behind them, and every kind of failure.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>
#include <zmq.hpp>

namespace bot_tests {

struct Question {
  std::string command;
  std::string params;
  std::string text;  // all of it
};

// Answers get_recent_events out of its log as the bridge does, and every other command as the test
// says. Sockets live on a thread of its own; all members may be called from any.
class FakeBridge {
 public:
  // What becomes of a command: members of the reply behind `id`, or nothing for no reply.
  using Handler = std::function<std::optional<std::string>(const Question& question)>;

  explicit FakeBridge(std::string epoch = "e1");
  ~FakeBridge() { stop(); }
  FakeBridge(const FakeBridge&) = delete;
  FakeBridge& operator=(const FakeBridge&) = delete;

  std::string events() const { return events_; }
  std::string commands() const { return commands_; }

  // Ends both sockets at once, as the death of the process would.
  void stop();
  // Comes back at the same addresses; with another epoch, with an empty log.
  void start(const std::string& epoch);

  // Appends an event to the log and sends it to who is subscribed; its seq. `body` is the event's
  // members but for timestamp and seq: "type":...,"data":{...}.
  std::uint64_t publish(const std::string& body);
  // Appends it and sends it to nobody: lost on its way.
  std::uint64_t lose(const std::string& body);
  // Forgets the oldest events up to `seq`.
  void evict(std::uint64_t seq);

  void on_command(Handler handler);
  // From now on nothing is answered, or again.
  void mute(bool muted) { muted_ = muted; }

  std::vector<Question> asked() const;
  // The questions of that command.
  std::vector<Question> asked(std::string_view command) const;
  bool subscribed(const std::string& topic) const;

 private:
  struct Entry {
    std::uint64_t seq;
    std::string type;
    std::string topic;
    std::string text;
  };

  std::uint64_t append(const std::string& body, bool send);
  void run();
  void answer(zmq::socket_t& router);
  std::string recent_events(std::string_view params);

  mutable std::mutex mutex_;
  std::string epoch_;
  std::vector<Entry> log_;
  std::uint64_t last_seq_ = 0;
  std::uint64_t evicted_ = 0;
  std::vector<Entry> to_send_;
  std::vector<Question> asked_;
  std::vector<std::string> subscriptions_;
  Handler handler_;
  std::atomic<bool> muted_{false};
  std::atomic<bool> stopping_{false};
  std::atomic<bool> open_{false};
  std::string events_ = "tcp://127.0.0.1:*";
  std::string commands_ = "tcp://127.0.0.1:*";
  std::thread thread_;
};

// Bodies. `source_seq` 0: anonymous.
std::string price(const std::string& item, std::int64_t buy, std::int64_t sell,
                  const std::string& source = "market", std::uint64_t source_seq = 0);
std::string trade(const std::string& side, const std::string& item, std::int64_t price,
                  std::int64_t quantity, const std::string& order_id = "",
                  const std::string& source = "trainer-1", std::uint64_t source_seq = 0,
                  const std::string& run = "r1");

// Members of a trainer's reply.
std::string success(const std::string& result);
std::string refusal(const std::string& error_type);

}  // namespace bot_tests
