#include "subject.h"

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <future>
#include <stdexcept>
#include <utility>

#include "peers/peers.h"
#include "program_subject.h"
#include "support/bridge_process.h"
#include "support/certificate.h"
#include "support/json.h"
#include "support/process.h"
#include "support/scratch_directory.h"

namespace bench {
namespace {

using testing_support::RawWebSocket;

class PlainSubject : public ProgramSubject {
 public:
  explicit PlainSubject(const Options& options)
      : ProgramSubject("plain", {options.programs_directory + "/plain-bridge"}) {}

  // It keeps a copy an event a client of all that it has not written yet, without a limit. A full
  // window of those would be many GB at 1,000 clients, and minutes to write. This many was where it
  // was fastest: with more it waits for memory, with fewer for the publisher.
  std::uint64_t window_events_max(std::size_t clients) const override {
    constexpr std::uint64_t kCopiesMax = 400'000;
    return kCopiesMax / clients;
  }
};

// Has its bytes ready, so a message only says up to which event it may send them.
class RawSubject : public ProgramSubject {
 public:
  explicit RawSubject(const Options& options)
      : ProgramSubject("raw",
                       {options.programs_directory + "/raw-blaster", "--event-bytes",
                        std::to_string(options.event_bytes), "--events", std::to_string(kCycle)}) {}

  SequenceRule sequence_rule() const override {
    SequenceRule rule;
    rule.cycle = kCycle;
    return rule;
  }

  // Some 64 KB a client and message, whatever the batch: the floor has no ingest to measure.
  std::size_t message_events(std::size_t batch) const override {
    return std::max<std::size_t>(batch, 250);
  }

  void append_message(std::string& out, const EventText& /*events*/, std::uint64_t /*first*/,
                      std::uint64_t last) const override {
    out += std::to_string(last);
  }

  // A floor must keep its clients' queues short. With a full window it fills every socket's buffer,
  // hundreds of MB that no cache holds, and a delivery costs more than twice the CPU time: any
  // bridge with short queues is faster. These were the windows where it was cheapest.
  std::uint64_t window_events_max(std::size_t clients) const override {
    constexpr std::uint64_t kInFlight = 50'000;
    return std::clamp<std::uint64_t>(kInFlight / clients, 500, 2000);
  }

 private:
  // What it sends again and again: some 250 KB, which a core's cache holds.
  static constexpr std::uint64_t kCycle = 1000;
};

// Takes up as much of a file as there is that changes much: sizes of the history, limits, sites, the log.
class BridgeSubject : public ProgramSubject {
 public:
  BridgeSubject(const std::string& name, std::vector<std::string> command,
                std::unique_ptr<testing_support::ScratchDirectory> home)
      : ProgramSubject(name, std::move(command)), home_(std::move(home)) {}

  static std::string file(const testing_support::ScratchDirectory& home) { return home.file("bridge.toml"); }

  bool reload() override {
    if (home_ == nullptr) return false;
    const bool small = ++reloads_ % 2 == 1;
    std::ofstream(file(*home_)) << "[history]\nevents_max = " << (small ? 50'000 : 200'000) << "\n[websocket]\nping_interval_s = "
                                << (small ? 10 : 20) << "\norigins = [\"https://" << (small ? "a" : "b")
                                << ".example\"]\n[log]\nlevel = \"" << (small ? "warn" : "info") << "\"\n";
    process().signal(SIGHUP);
    return true;
  }

 private:
  const std::unique_ptr<testing_support::ScratchDirectory> home_;  // null: it has no file of any kind
  int reloads_ = 0;
};

// Named "bridge", "tls" where its clients come over TLS, or "ipc" where its events come by ipc://.
std::unique_ptr<Subject> make_bridge(const std::string& name, const Options& options) {
  testing_support::BridgeOptions bridge;
  bridge.program = options.bridge_program;
  bridge.settings = {"websocket.clients_max=20000", "websocket.requests_per_s_max=1000000"};
  bridge.settings.insert(bridge.settings.end(), options.bridge_settings.begin(),
                         options.bridge_settings.end());
  if (name == "tls") {
    const testing_support::Certificate& files = testing_support::shared_certificate();
    bridge.settings.insert(bridge.settings.end(), {"tls.certificate=" + files.certificate, "tls.key=" + files.key,
                                                   "websocket.tls_handshakes_per_s_max=100000"});
  }
  std::unique_ptr<testing_support::ScratchDirectory> home;
  if (options.reload_every_s != 0.0 || name == "ipc") home = std::make_unique<testing_support::ScratchDirectory>();
  if (name == "ipc") bridge.settings.push_back("events.bind=[\"ipc://" + home->file("events") + "\"]");
  if (options.reload_every_s != 0.0) {
    std::ofstream(BridgeSubject::file(*home)) << "";
    bridge.arguments = {"-c", BridgeSubject::file(*home)};
  }
  std::vector<std::string> command = testing_support::bridge_command_line(bridge);
  command.insert(command.begin(), options.bridge_prefix.begin(), options.bridge_prefix.end());
  return std::make_unique<BridgeSubject>(name, std::move(command), std::move(home));
}

}  // namespace

void Subject::subscribe(RawWebSocket& client) {
  const auto welcome = client.receive_text();
  if (!welcome) throw std::runtime_error(name() + " sent no welcome");
  client.send_text(
      R"({"action":"register","client_id":"bench","client_type":"bench","subscriptions":["*"]})");
  const auto reply = client.receive_text();
  if (!reply) throw std::runtime_error(name() + " did not answer register");
  if (testing_support::Json(*reply).string("/status") != "registered") {
    throw std::runtime_error(name() + " refused a client: " + *reply);
  }
}

std::unique_ptr<Publisher> Subject::connect_publisher() const {
  return connect_zmq_publisher(events_in());
}

void Subject::append_message(std::string& out, const EventText& events, std::uint64_t first,
                             std::uint64_t last) const {
  for (std::uint64_t number = first; number <= last; ++number) {
    if (number > first) out += '\n';
    events.append_published(out, number);
  }
}

std::unique_ptr<Subject> make_subject(const std::string& name, const Options& options) {
  if (name == "bridge" || name == "tls" || name == "ipc") return make_bridge(name, options);
  if (name == "plain") return std::make_unique<PlainSubject>(options);
  if (name == "raw") return std::make_unique<RawSubject>(options);
  if (name == "bare-hop") {
    return std::make_unique<ProgramSubject>(
        name, std::vector<std::string>{options.programs_directory + "/bare-hop"});
  }
  return make_peer(name);
}

namespace {

Connection connect_client(Subject& subject, const testing_support::WebSocketOptions& options) {
  if (interrupted) throw std::runtime_error("interrupted");
  RawWebSocket client = RawWebSocket::connect(subject.websocket(), options);
  subject.subscribe(client);
  Connection connection;
  connection.socket = client.release(connection.unread);
  return connection;
}

}  // namespace

std::vector<Connection> connect_clients(Subject& subject, std::size_t count,
                                        int receive_buffer_bytes) {
  testing_support::WebSocketOptions options;
  options.path = subject.path();
  options.headers = subject.handshake_headers();
  options.receive_buffer_bytes = receive_buffer_bytes;
  std::vector<Connection> connections;
  connections.reserve(count);
  while (connections.size() < count) {
    std::vector<std::future<Connection>> under_way;
    const std::size_t step = std::min(subject.connects_at_once(), count - connections.size());
    for (std::size_t i = 0; i < step; ++i) {
      under_way.push_back(
          std::async(step == 1 ? std::launch::deferred : std::launch::async,
                     [&subject, &options] { return connect_client(subject, options); }));
    }
    for (auto& one : under_way) connections.push_back(one.get());
  }
  return connections;
}

double cpu_seconds_of(const Subject& subject) {
  double sum = 0.0;
  for (const pid_t pid : subject.processes()) sum += testing_support::cpu_seconds(pid);
  return sum;
}

Switches switches_of(const Subject& subject) {
  Switches switches;
  for (const pid_t pid : subject.processes()) {
    const std::filesystem::path tasks = "/proc/" + std::to_string(pid) + "/task";
    for (const auto& task : std::filesystem::directory_iterator(tasks)) {
      std::ifstream status(task.path() / "status");
      for (std::string word; status >> word;) {
        double count = 0;
        if (word == "voluntary_ctxt_switches:" && status >> count) switches.sleeps += count;
        if (word == "nonvoluntary_ctxt_switches:" && status >> count) switches.preemptions += count;
      }
    }
  }
  return switches;
}

std::uint64_t resident_bytes_of(const Subject& subject) {
  std::uint64_t sum = 0;
  for (const pid_t pid : subject.processes()) sum += testing_support::resident_bytes(pid);
  return sum;
}

}  // namespace bench
