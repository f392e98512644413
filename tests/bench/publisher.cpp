#include "publisher.h"

#include "support/event_publisher.h"

namespace bench {
namespace {

class ZmqPublisher : public Publisher {
 public:
  explicit ZmqPublisher(const std::string& address) : publisher_(address) {}

  bool publish(std::string_view message, testing_support::milliseconds timeout) override {
    return publisher_.publish(message, timeout);
  }

 private:
  testing_support::EventPublisher publisher_;
};

}  // namespace

std::unique_ptr<Publisher> connect_zmq_publisher(const std::string& address) {
  return std::make_unique<ZmqPublisher>(address);
}

}  // namespace bench
