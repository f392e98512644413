#include "bridges_subject.h"

#include <stdexcept>
#include <utility>

#include "peers/server_peer.h"

namespace bench {
namespace {

constexpr testing_support::milliseconds kServerPatience{10'000};
constexpr testing_support::milliseconds kEndPatience{10'000};

}  // namespace

NatsServers::NatsServers(const testing_support::ScratchDirectory& home) {
  const std::string program = installed_program("nats-server", "nats-server");
  const std::vector<std::uint16_t> ports = free_ports(2 * kServers);
  std::string routes;
  for (std::size_t i = 0; i < kServers; ++i) {
    routes += (i == 0 ? "" : ", ") + ("\"nats://127.0.0.1:" + std::to_string(ports[kServers + i]) + "\"");
  }
  for (std::size_t i = 0; i < kServers; ++i) {
    const std::string name = "s" + std::to_string(i);
    urls_.push_back("nats://127.0.0.1:" + std::to_string(ports[i]));
    write_file(home.file(name + ".conf"),
               "server_name: " + name + "\nlisten: 127.0.0.1:" + std::to_string(ports[i]) + "\nmax_payload: 2MB\njetstream { store_dir: \"" +
                   home.file(name) + "\", max_mem: 64MB, max_file: 4GB }\ncluster { name: bench, listen: 127.0.0.1:" +
                   std::to_string(ports[kServers + i]) + ", routes: [" + routes + "] }\n");
    servers_.emplace_back(std::in_place, std::vector<std::string>{program, "-c", home.file(name + ".conf")});
  }
  for (std::size_t i = 0; i < kServers; ++i) {
    if (!testing_support::wait_until([&] { return listens(ports[i]); }, kServerPatience)) {
      throw std::runtime_error("nats-server does not listen: " + servers_[i]->stderr_text());
    }
  }
}

BridgesSubject::BridgesSubject(std::string name, const Options& options, const testing_support::ScratchDirectory& home,
                               const std::vector<std::string>& servers)
    : name_(std::move(name)) {
  for (std::size_t i = 0; i == 0 || i < servers.size(); ++i) {
    testing_support::BridgeOptions bridge;
    const std::string node = name_ + std::to_string(i);
    bridge.program = options.bridge_program;
    bridge.settings = {"journal.path=\"" + home.file(node + ".sqlite") + "\"", "journal.bytes_max=1073741824"};
    if (!servers.empty()) {
      bridge.settings.insert(bridge.settings.end(),
                             {"engine.kind=jetstream", "cluster.node=" + node, "cluster.servers=[\"" + servers[i] + "\"]",
                              "cluster.replicas=" + std::to_string(servers.size()), "cluster.bytes_max=1073741824"});
    }
    bridge.settings.insert(bridge.settings.end(), options.bridge_settings.begin(), options.bridge_settings.end());
    options_.push_back(std::move(bridge));
  }
  bridges_.resize(options_.size());
}

void BridgesSubject::place(std::size_t in, std::size_t out, std::string run) {
  in_ = in % options_.size();
  out_ = out % options_.size();
  run_ = std::move(run);
}

void BridgesSubject::start_one(std::size_t i) { bridges_[i % options_.size()].emplace(options_[i % options_.size()]); }

void BridgesSubject::stop_one(std::size_t i) {
  auto& bridge = bridges_[i % options_.size()];
  if (!bridge) return;
  bridge->process().signal(SIGTERM);
  bridge->process().wait_exit(kEndPatience);
  bridge.reset();
}

void BridgesSubject::start() {
  for (std::size_t i = 0; i < options_.size(); ++i) start_one(i);
}

void BridgesSubject::stop() {
  for (std::size_t i = 0; i < options_.size(); ++i) stop_one(i);
}

std::vector<pid_t> BridgesSubject::processes() const {
  std::vector<pid_t> pids;
  for (auto& bridge : bridges_) {
    if (bridge) pids.push_back(bridge->process().pid());
  }
  return pids;
}

SequenceRule BridgesSubject::sequence_rule() const {
  SequenceRule rule;
  rule.key = "\"run\":\"" + run_ + "\",\"source_seq\":";
  return rule;
}

}  // namespace bench
