// A trainer as a stranger would write it: a PUB that announces it and a DEALER that
// answers each request, as a REP would; also `_replay`, from a list of what it published.
#pragma once

#include <algorithm>
#include <atomic>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <zmq.hpp>

#include "support/event_publisher.h"
#include "support/json.h"
#include "support/wait.h"

namespace testing_support {

class FakeTrainer {
 public:
  // What is sent back for a request; "" = nothing, ever again (it hangs).
  using Answer = std::function<std::string(const Json& request)>;

  FakeTrainer(const std::string& events_in, const std::string& control, std::string source,
              std::string run, Answer answer = {})
      : source_(std::move(source)),
        run_(std::move(run)),
        answer_(std::move(answer)),
        publisher_(events_in),
        thread_([this, control] { serve(control); }) {
    announce();
  }
  ~FakeTrainer() { die(); }

  // Ends without a word, as a crash would.
  void die() {
    stop_ = true;
    if (thread_.joinable()) thread_.join();
  }

  void announce(const std::string& state = "running") {
    std::string numbers;
    {
      const std::lock_guard lock(mutex_);
      numbers = R"("head":)" + std::to_string(bodies_.size()) + R"(,"oldest":)" +
                std::to_string(forgotten_ + 1);
    }
    (void)publisher_.publish(R"({"type":"_source","source":")" + source_ + R"(","run":")" + run_ +
                             R"(","data":{)" + numbers + R"(,"agents":["agent_of_)" + source_ +
                             R"("],"commands":["pause"],"host":"h","pid":1,"state":")" + state +
                             "\"}}");
  }

  // The next event in its numbers. `dropped`: it never leaves, as happens at a PUB's high-water mark.
  void event(const std::string& data = "{}", bool dropped = false) {
    std::string body;
    {
      const std::lock_guard lock(mutex_);
      body = event_body("tick", data, source_, run_, bodies_.size() + 1);
      bodies_.push_back(body);
    }
    if (!dropped) (void)publisher_.publish(body);
  }
  // Events up to this one can no longer be replayed.
  void forget(std::size_t up_to) {
    const std::lock_guard lock(mutex_);
    forgotten_ = up_to;
  }
  int replays() const { return replays_; }

  EventPublisher& publisher() { return publisher_; }
  int executed() const { return executed_; }

  static std::string success(const Json& request, const std::string& result = "{}") {
    return R"({"id":")" + request.string("/id") + R"(","success":true,"result":)" + result + "}";
  }

 private:
  void serve(const std::string& control) {
    zmq::context_t context;
    zmq::socket_t rep(context, zmq::socket_type::dealer);
    rep.set(zmq::sockopt::linger, 0);
    rep.set(zmq::sockopt::routing_id, source_);
    rep.set(zmq::sockopt::rcvtimeo, 20);
    rep.connect(control);
    while (!stop_) {
      zmq::message_t message;
      if (!rep.recv(message)) continue;
      if (message.more() && !rep.recv(message)) continue;  // behind the delimiter
      const Json request(message.to_string());
      const bool replaying = request.string("/command") == "_replay";
      ++(replaying ? replays_ : executed_);
      const std::string reply = replaying ? replay(request)
                                : answer_ ? answer_(request)
                                          : success(request);
      if (reply.empty()) {
        while (!stop_) std::this_thread::sleep_for(milliseconds{2});
        return;
      }
      rep.send(zmq::message_t(), zmq::send_flags::sndmore);
      rep.send(zmq::buffer(reply), zmq::send_flags::none);
    }
  }

  std::string replay(const Json& request) {
    constexpr std::size_t kReplyBytesMax = 1024 * 1024;
    const std::lock_guard lock(mutex_);
    std::string events;
    const auto from = static_cast<std::size_t>(request.integer("/params/from"));
    const auto to = static_cast<std::size_t>(request.integer("/params/to"));
    for (std::size_t seq = std::max(from, forgotten_ + 1); seq <= std::min(to, bodies_.size());
         ++seq) {
      if (events.size() + bodies_[seq - 1].size() > kReplyBytesMax - 200) break;
      events += (events.empty() ? "" : ", ") + bodies_[seq - 1];
    }
    return success(request, R"({"events": [)" + events + "]}");
  }

  const std::string source_;
  const std::string run_;
  const Answer answer_;
  EventPublisher publisher_;
  std::atomic<bool> stop_{false};
  std::atomic<int> executed_{0};
  std::atomic<int> replays_{0};
  std::mutex mutex_;  // guards the next two
  std::vector<std::string> bodies_;
  std::size_t forgotten_ = 0;
  std::thread thread_;
};

}  // namespace testing_support
