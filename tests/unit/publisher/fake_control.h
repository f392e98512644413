// The asking end of a control channel: a ROUTER that is bound like the bridge's, and learns from
// hellos who is who.
#pragma once

#include <ppo_publisher/publisher.h>

#include <chrono>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>
#include <zmq.hpp>

namespace ppo::test {

// A request as the wire contract has it.
struct Ask {
  std::string command;
  std::string params = "{}";
  std::string id = "c-1";
  std::string run = "k3f9a2";
  int deadline_ms = 10'000;
  std::string agent_id = {};  // empty: left out
  double by = 0;              // likewise 0
  std::string idempotency_key = {};  // likewise
};
std::string to_json(const Ask& ask);

// Closing it closes its connections at once, as the death of a process would. One thread.
class FakeControl {
 public:
  explicit FakeControl(const std::string& endpoint = "tcp://127.0.0.1:*",
                       int queue_messages_max = 1000);
  ~FakeControl() { close(); }
  FakeControl(const FakeControl&) = delete;
  FakeControl& operator=(const FakeControl&) = delete;

  const std::string& endpoint() const { return endpoint_; }

  // Sends once `source` has said hello; false where it never does.
  bool send(const std::string& source, const Ask& ask) { return send(source, to_json(ask)); }
  bool send(const std::string& source, const std::string& body);
  bool send_frames(const std::string& source, const std::vector<std::string>& frames);

  // The next answer's body, hellos left out, waiting for it at most `deadline`.
  std::optional<std::string> receive(std::chrono::milliseconds deadline = std::chrono::seconds(10));

  // How many connections have said hello so far.
  std::size_t connections() const { return connections_.size(); }

  // The next hello's body.
  std::optional<std::string> hello();

  // From now on hellos are answered with our time and this many seconds.
  void answer_clock(double ahead_s) { ahead_s_ = ahead_s; }
  int clocks_answered() const { return clocks_answered_; }

  // Sends and receives; empty where there is no answer.
  std::string ask(const std::string& source, const Ask& ask);

  void close();

 private:
  zmq::context_t context_;
  // Takes in the next message, waiting for it at most `deadline`; false where there is none.
  bool take_one(std::chrono::milliseconds deadline);
  std::optional<std::string> next(std::deque<std::string>& of, std::chrono::milliseconds deadline);

  zmq::socket_t socket_;
  std::string endpoint_;
  std::map<std::string, std::string> peers_;  // routing ids by source
  std::set<std::string> connections_;  // all routing ids
  std::deque<std::string> answers_;
  std::deque<std::string> hellos_;
  std::optional<double> ahead_s_;
  int clocks_answered_ = 0;
};

// Now, in seconds since 1970.
double wall_s();

inline const std::string kSource = "trainer-1";

// A publisher of that source that takes commands from `control` and whose events reach nobody.
inline PublisherOptions options_for(const std::string& control) {
  PublisherOptions options;
  options.endpoint = "tcp://127.0.0.1:9";
  options.control = control;
  options.source = kSource;
  options.run = "k3f9a2";
  options.flush_ms = 0;
  return options;
}

}  // namespace ppo::test
