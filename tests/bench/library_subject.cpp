#include "library_subject.h"

#include <ppo_publisher/publisher.h>

#include <algorithm>
#include <stdexcept>
#include <utility>

#ifdef PPO_BENCH_LIBNATS
#include <nats/nats.h>
#endif

namespace bench {
namespace {

// The libraries gather what they are given by themselves; so much is given between two looks at the window.
constexpr std::size_t kEventsALook = 64;

// Calls `publish` with each line of `lines`.
template <typename F>
void for_each_line(std::string_view lines, const F& publish) {
  while (!lines.empty()) {
    const std::size_t end = std::min(lines.find('\n'), lines.size());
    publish(lines.substr(0, end));
    lines.remove_prefix(std::min(end + 1, lines.size()));
  }
}

// Its ring holds more than any window, so that it never lets an event go.
class PpoLibrary : public Publisher {
 public:
  explicit PpoLibrary(const Subject& bridge) : publisher_(options(bridge)) {
    if (!publisher_.error().empty()) throw std::runtime_error(publisher_.error());
  }

  bool publish(std::string_view message, testing_support::milliseconds /*timeout*/) override {
    for_each_line(message, [this](std::string_view data) {
      if (!publisher_.publish(EventText::type(), data)) throw std::runtime_error(publisher_.last_refusal());
    });
    return true;
  }

 private:
  static ppo::PublisherOptions options(const Subject& bridge) {
    ppo::PublisherOptions options;
    options.endpoint = bridge.events_in();
    options.control = bridge.control();
    options.source = "ppo-bench";
    return options;
  }

  ppo::Publisher publisher_;
};

#ifdef PPO_BENCH_LIBNATS

class NatsLibrary : public Publisher {
 public:
  explicit NatsLibrary(const Subject& server) {
    must(natsConnection_ConnectTo(&connection_, ("nats://" + server.events_in().substr(std::string_view("tcp://").size())).c_str()));
  }
  ~NatsLibrary() override {
    (void)natsConnection_FlushTimeout(connection_, testing_support::kPatience.count());
    natsConnection_Destroy(connection_);
  }

  bool publish(std::string_view message, testing_support::milliseconds /*timeout*/) override {
    for_each_line(message, [this](std::string_view event) {
      must(natsConnection_Publish(connection_, "events", event.data(), static_cast<int>(event.size())));
    });
    return true;
  }

 private:
  static void must(natsStatus status) {
    if (status != NATS_OK) throw std::runtime_error(std::string("nats.c: ") + natsStatus_GetText(status));
  }

  natsConnection* connection_ = nullptr;
};

#endif

class LibrarySubject : public Subject {
 public:
  explicit LibrarySubject(std::unique_ptr<Subject> inner) : inner_(std::move(inner)), is_bridge_(inner_->name() == "bridge") {
#ifndef PPO_BENCH_LIBNATS
    if (!is_bridge_) throw std::runtime_error("this build has no libnats");
#endif
  }

  std::string name() const override { return inner_->name() + " by library"; }
  void start() override { inner_->start(); }
  void stop() override { inner_->stop(); }
  testing_support::TcpAddress websocket() const override { return inner_->websocket(); }
  std::string path() const override { return inner_->path(); }
  testing_support::HttpHeaders handshake_headers() const override { return inner_->handshake_headers(); }
  std::string events_in() const override { return inner_->events_in(); }
  std::string control() const override { return inner_->control(); }
  std::vector<pid_t> processes() const override { return inner_->processes(); }
  void subscribe(testing_support::RawWebSocket& client) override { inner_->subscribe(client); }
  SequenceRule sequence_rule() const override { return inner_->sequence_rule(); }
  std::size_t message_events(std::size_t /*batch*/) const override { return kEventsALook; }
  std::uint64_t window_events_max(std::size_t clients) const override { return inner_->window_events_max(clients); }

  std::unique_ptr<Publisher> connect_publisher() const override {
#ifdef PPO_BENCH_LIBNATS
    if (!is_bridge_) return std::make_unique<NatsLibrary>(*inner_);
#endif
    return std::make_unique<PpoLibrary>(*inner_);
  }

  // The bridge's library writes the envelope, with numbers of its own from 1; NATS knows none.
  void append_message(std::string& out, const EventText& events, std::uint64_t first, std::uint64_t last) const override {
    for (std::uint64_t number = first; number <= last; ++number) {
      if (number > first) out += '\n';
      is_bridge_ ? events.append_data(out, number) : events.append_published(out, number);
    }
  }

 private:
  const std::unique_ptr<Subject> inner_;
  const bool is_bridge_;
};

}  // namespace

std::unique_ptr<Subject> with_library(std::unique_ptr<Subject> subject) {
  return std::make_unique<LibrarySubject>(std::move(subject));
}

}  // namespace bench
