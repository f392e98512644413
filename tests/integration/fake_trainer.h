// A trainer as a stranger would write it: a PUB that announces it and a DEALER that
// answers each request, as a REP would.
#pragma once

#include <atomic>
#include <functional>
#include <string>
#include <thread>

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
    (void)publisher_.publish(R"({"type":"_source","source":")" + source_ + R"(","run":")" + run_ +
                             R"(","data":{"head":0,"oldest":1,"agents":["agent_of_)" + source_ +
                             R"("],"commands":["pause"],"host":"h","pid":1,"state":")" + state +
                             "\"}}");
  }

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
      ++executed_;
      const Json request(message.to_string());
      const std::string reply = answer_ ? answer_(request) : success(request);
      if (reply.empty()) {
        while (!stop_) std::this_thread::sleep_for(milliseconds{2});
        return;
      }
      rep.send(zmq::message_t(), zmq::send_flags::sndmore);
      rep.send(zmq::buffer(reply), zmq::send_flags::none);
    }
  }

  const std::string source_;
  const std::string run_;
  const Answer answer_;
  EventPublisher publisher_;
  std::atomic<bool> stop_{false};
  std::atomic<int> executed_{0};
  std::thread thread_;
};

}  // namespace testing_support
