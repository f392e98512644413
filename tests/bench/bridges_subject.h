// Bridges as one subject: events go in at one of them and clients read at another. And the NATS servers that they share.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "subject.h"
#include "support/bridge_process.h"
#include "support/process.h"
#include "support/scratch_directory.h"

namespace bench {

// Three of Debian's nats-server, as a cluster, on free ports, with their files in `home`. Throws std::runtime_error where
// it is not installed, or they do not come up.
class NatsServers {
 public:
  explicit NatsServers(const testing_support::ScratchDirectory& home);

  static constexpr std::size_t kServers = 3;
  // The i-th is called "s" and i.
  const std::vector<std::string>& urls() const { return urls_; }
  // As a crash would.
  void kill(std::size_t i) { servers_[i].reset(); }

 private:
  std::vector<std::string> urls_;
  std::vector<std::optional<testing_support::Process>> servers_;
};

// The bridges have journals, in `home`, which must outlive this. Belongs to the main thread.
class BridgesSubject : public Subject {
 public:
  // `servers`: a bridge with each, on its own; empty: one bridge with engine.kind "local".
  BridgesSubject(std::string name, const Options& options, const testing_support::ScratchDirectory& home,
                 const std::vector<std::string>& servers);
  ~BridgesSubject() override { BridgesSubject::stop(); }

  // Where events go in and where clients read from now on, and the run whose events are counted.
  void place(std::size_t in, std::size_t out, std::string run);
  void start_one(std::size_t i);
  void stop_one(std::size_t i);

  std::string name() const override { return name_; }
  void start() override;
  void stop() override;
  testing_support::TcpAddress websocket() const override { return bridges_[out_]->websocket(); }
  std::string events_in() const override { return bridges_[in_]->events_in(); }
  std::string control() const override { return bridges_[in_]->address("control"); }
  std::vector<pid_t> processes() const override;
  SequenceRule sequence_rule() const override;

 private:
  const std::string name_;
  std::vector<testing_support::BridgeOptions> options_;
  mutable std::vector<std::optional<testing_support::BridgeProcess>> bridges_;
  std::size_t in_ = 0;
  std::size_t out_ = 0;
  std::string run_;
};

}  // namespace bench
