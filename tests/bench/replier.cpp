#include "replier.h"

#include <pthread.h>

#include <utility>

namespace bench {
namespace {

// How often a thread that waits for a request looks whether it shall stop.
constexpr int kStopPollMs = 100;

}  // namespace

Replier::Replier(zmq::socket_type type) : socket_(context_, type) {
  socket_.set(zmq::sockopt::linger, 0);
  socket_.set(zmq::sockopt::rcvtimeo, kStopPollMs);
}

void Replier::start(std::function<void()> answer_one) {
  thread_ = std::thread([this, answer_one = std::move(answer_one)] {
    ::pthread_setname_np(::pthread_self(), "replier");
    try {
      while (!stop_) answer_one();
    } catch (const zmq::error_t&) {
      // Whoever asks gets no answer, and says so.
    }
  });
}

void Replier::stop() {
  stop_ = true;
  if (thread_.joinable()) thread_.join();
}

bool Replier::receive(zmq::message_t& message) {
  return socket_.recv(message).has_value();
}

BareReplier::BareReplier() : Replier(zmq::socket_type::rep) {
  socket_.bind("tcp://127.0.0.1:*");
  endpoint_ = socket_.get(zmq::sockopt::last_endpoint);
  start([this] {
    zmq::message_t request;
    if (!receive(request)) return;
    reply_.resize(reply_bytes_, 'x');
    socket_.send(zmq::buffer(reply_), zmq::send_flags::none);
  });
}

TrainerReplier::TrainerReplier(const std::string& control, const std::string& source)
    : Replier(zmq::socket_type::dealer) {
  socket_.set(zmq::sockopt::routing_id, source);
  socket_.connect(control);
  endpoint_ = control;
  start([this] {
    zmq::message_t message;
    if (!receive(message)) return;
    while (message.more()) {  // what is in front of the body is the delimiter
      if (!receive(message)) return;
    }
    const std::string_view request = message.to_string_view();
    constexpr std::string_view kId = R"({"id":")";
    const std::size_t id_end = request.find('"', kId.size());
    if (request.substr(0, kId.size()) != kId || id_end == std::string_view::npos) return;
    reply_.assign(request.substr(0, id_end)).append(R"(","success":true,"result":{}})");
    ++answered_;
    socket_.send(zmq::message_t(), zmq::send_flags::sndmore);
    socket_.send(zmq::buffer(reply_), zmq::send_flags::none);
    request_bytes_ = request.size();
    reply_bytes_ = reply_.size();
  });
}

}  // namespace bench
