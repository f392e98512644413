#include <chrono>
#include <csignal>
#include <cstdio>
#include <fstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>
#include <zmq.hpp>

#include "ingest.h"
#include "ingest_text.h"
#include "statistics.h"
#include "support/bridge_process.h"
#include "support/http.h"
#include "support/process.h"
#include "support/scratch_directory.h"

namespace bench {
namespace {

using std::chrono::steady_clock;
using testing_support::kPatience;
using testing_support::milliseconds;

constexpr int kSendMessagesMax = 10'000;  // then the publisher waits
constexpr milliseconds kPoll{5};

// Who takes messages in. Started by the main thread.
class Taker {
 public:
  virtual ~Taker() = default;
  virtual std::string events_in() const = 0;
  virtual pid_t pid() = 0;
  // What a publisher needs to come in: its three keys in a file; "" = nothing.
  virtual std::string key_file() const { return {}; }
  // Whether so much has been taken in, as it says itself.
  virtual bool has_taken(std::uint64_t messages, std::uint64_t events) = 0;
};

// A program that only receives.
class BareTaker : public Taker {
 public:
  explicit BareTaker(const Options& options)
      : process_({options.programs_directory + "/bare-subscriber"}) {
    const auto line = process_.wait_line("ready ");
    if (!line) throw std::runtime_error("bare-subscriber: " + process_.stderr_text());
    endpoint_ = testing_support::parse_ready_line(*line).at("events_in");
  }
  std::string events_in() const override { return endpoint_; }
  pid_t pid() override { return process_.pid(); }
  bool has_taken(std::uint64_t messages, std::uint64_t /*events*/) override {
    process_.signal(SIGUSR1);
    const auto line = process_.wait_line("taken ");
    if (!line) throw std::runtime_error("bare-subscriber says nothing");
    return std::stoull(line->substr(6)) >= messages;
  }

 private:
  testing_support::Process process_;
  std::string endpoint_;
};

class BridgeTaker : public Taker {
 public:
  // With `more` settings.
  BridgeTaker(const Options& options, std::vector<std::string> more)
      : process_(settings(options, std::move(more))) {}
  std::string events_in() const override { return process_.events_in(); }
  pid_t pid() override { return process_.process().pid(); }
  bool has_taken(std::uint64_t /*messages*/, std::uint64_t events) override {
    const std::string text = testing_support::http(process_.websocket(), "GET", "/metrics").body;
    constexpr std::string_view kName = "\nppo_bridge_events_accepted_total ";
    const std::size_t at = text.find(kName);
    if (at == std::string::npos) throw std::runtime_error("no count of events in /metrics");
    return std::stod(text.substr(at + kName.size(), 40)) >= static_cast<double>(events);
  }

 private:
  static testing_support::BridgeOptions settings(const Options& options, std::vector<std::string> more) {
    testing_support::BridgeOptions bridge;
    bridge.program = options.bridge_program;
    bridge.settings = std::move(more);
    return bridge;
  }

  testing_support::BridgeProcess process_;
};

// One that takes nothing without a key, and the key of its trainer.
class KeyedTaker : public BridgeTaker {
 public:
  // `home`: where its files are, and are made.
  KeyedTaker(const Options& options, const std::string& home)
      : BridgeTaker(options, with_keys(options, home)), key_file_(home + "/trainer-1.key") {}
  std::string key_file() const override { return key_file_; }

 private:
  static std::vector<std::string> with_keys(const Options& options, const std::string& home) {
    const std::string credentials = home + "/credentials";
    const std::vector<std::string> make{options.bridge_program, "curve", "--credentials", credentials, "create"};
    run(make);
    std::vector<std::string> own = make;
    own.insert(own.end(), {"trainer-1", "--role", "trainer", "--out", home + "/trainer-1.key"});
    run(own);
    return {"auth.credentials=" + credentials, "zmq.curve_key=" + home + "/server.key", "zmq.curve_on_loopback=true"};
  }
  static void run(const std::vector<std::string>& command) {
    testing_support::Process process(command);
    const auto code = process.wait_exit(kPatience);
    if (code != 0) throw std::runtime_error("ppo-bridge curve: " + process.stderr_text());
  }

  const std::string key_file_;
};

// PUB as far as a subscriber sees, but it waits instead of dropping, and for the subscription.
class Flood {
 public:
  Flood(const std::string& endpoint, const std::string& key_file) : socket_(context_, zmq::socket_type::xpub) {
    socket_.set(zmq::sockopt::xpub_nodrop, true);
    socket_.set(zmq::sockopt::linger, 0);
    socket_.set(zmq::sockopt::sndhwm, kSendMessagesMax);
    socket_.set(zmq::sockopt::sndtimeo, static_cast<int>(kPatience.count()));
    socket_.set(zmq::sockopt::rcvtimeo, static_cast<int>(kPatience.count()));
    if (!key_file.empty()) {
      std::string own, secret, server;
      std::ifstream(key_file) >> own >> secret >> server;
      socket_.set(zmq::sockopt::curve_publickey, own);
      socket_.set(zmq::sockopt::curve_secretkey, secret);
      socket_.set(zmq::sockopt::curve_serverkey, server);
    }
    socket_.connect(endpoint);
    zmq::message_t subscription;
    if (!socket_.recv(subscription)) throw std::runtime_error("nobody subscribed at " + endpoint);
  }
  void send(const std::string& message) {
    if (!socket_.send(zmq::buffer(message))) throw std::runtime_error("nobody takes messages");
  }

 private:
  zmq::context_t context_{1};
  zmq::socket_t socket_;
};

struct Taken {
  double messages_per_s = 0.0;
  double cpu_us = 0.0;  // a message
};

// Publishes for a while, and waits until all is taken in.
class Feeding {
 public:
  Feeding(Taker& taker, std::size_t batch)
      : taker_(taker), batch_(batch), text_("r1"), publisher_(taker.events_in(), taker.key_file()) {}

  Taken feed(double seconds) {
    const std::uint64_t before = number_;
    const double cpu_before = testing_support::cpu_seconds(taker_.pid());
    const auto begin = steady_clock::now();
    do {
      if (interrupted) throw std::runtime_error("interrupted");
      for (int i = 0; i < 100; ++i) {
        message_.clear();
        text_.append_message(message_, number_ + 1, number_ + batch_);
        publisher_.send(message_);
        number_ += batch_;
      }
    } while (seconds_since(begin) < seconds);
    const testing_support::Deadline deadline(kPatience);
    while (!taker_.has_taken(number_ / batch_, number_)) {
      if (interrupted || deadline.passed()) throw std::runtime_error("not all was taken in");
      std::this_thread::sleep_for(kPoll);
    }
    const double took = seconds_since(begin);
    const auto messages = static_cast<double>((number_ - before) / batch_);
    const double cpu_s = testing_support::cpu_seconds(taker_.pid()) - cpu_before;
    return {messages / took, cpu_s * 1e6 / messages};
  }

 private:
  Taker& taker_;
  const std::size_t batch_;
  const IngestText text_;
  Flood publisher_;
  std::string message_;
  std::uint64_t number_ = 0;
};

Taken measure(const Options& options, Taker& taker, std::size_t batch) {
  Feeding feeding(taker, batch);
  feeding.feed(options.warmup_seconds);
  return feeding.feed(options.seconds);
}

}  // namespace

TakeRow measure_take(const Options& options, std::size_t batch, bool with_more) {
  TakeRow row;
  row.batch = batch;
  for (std::size_t round = 0; round < options.rounds; ++round) {
    TakeRound got;
    {
      BareTaker bare(options);
      const Taken taken = measure(options, bare, batch);
      got.bare_messages_per_s = taken.messages_per_s;
      got.bare_cpu_us = taken.cpu_us;
    }
    {
      BridgeTaker bridge(options, {});
      const Taken taken = measure(options, bridge, batch);
      got.bridge_messages_per_s = taken.messages_per_s;
      got.bridge_cpu_us = taken.cpu_us;
    }
    if (with_more) {
      const testing_support::ScratchDirectory directory;
      BridgeTaker bridge(options, {"journal.path=" + directory.file("journal.sqlite")});
      got.journal_messages_per_s = measure(options, bridge, batch).messages_per_s;
      KeyedTaker keyed(options, directory.path());
      got.keys_messages_per_s = measure(options, keyed, batch).messages_per_s;
      // What does not fit would be missing, and told.
      BridgeTaker checking(options, {"schemas.directory=" PPO_BENCH_SCHEMAS, "schemas.mode=reject"});
      const Taken taken = measure(options, checking, batch);
      got.schemas_messages_per_s = taken.messages_per_s;
      got.schemas_cpu_us = taken.cpu_us;
    }
    got.times = got.bridge_messages_per_s / got.bare_messages_per_s;
    std::fprintf(stderr,
                 "ingest, %zu events a message, round %zu, bare %.0f messages/s, bridge %.0f "
                 "messages/s: %.2f\n",
                 batch, round + 1, got.bare_messages_per_s, got.bridge_messages_per_s, got.times);
    row.rounds.push_back(got);
  }
  return row;
}

}  // namespace bench
