// Somebody who may publish and connect like anybody, and does what he can to the honest sources.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "source.h"
#include "world.h"

namespace sim {

// Which of his ways a seed's adversary knows is drawn from the seed. Never does he say what an honest source
// could have said itself: of its run, what it has announced or is about to publish. The world and the sources
// must outlive him.
class Adversary {
 public:
  Adversary(World& world, const std::vector<std::unique_ptr<SimSource>>& victims);

  void bridge_changed(SimBridge* bridge);
  // He goes.
  void settle() { settled_ = true; }
  // Bodies that the bridge of the moment must have rejected.
  std::uint64_t rejected() const { return rejected_; }

 private:
  void strike_now_and_then();
  void publish(const std::string& body);
  void publish_event(const std::string& source, const std::string& run, std::uint64_t source_seq);

  void foreign_run(const SimSource& victim);
  void wild_announcement(const SimSource& victim);
  void wild_number(const SimSource& victim);
  void made_up_names(const SimSource& victim);
  void strays(const SimSource& victim);
  void control_connection(const SimSource& victim);
  void clock_step(const SimSource& victim);

  std::uint64_t wild();

  World& world_;
  const std::vector<std::unique_ptr<SimSource>>& victims_;
  std::vector<void (Adversary::*)(const SimSource&)> ways_;
  std::int64_t every_us_;
  SimBridge* bridge_ = nullptr;
  std::uint64_t names_ = 0;
  std::uint64_t connections_ = 0;
  std::uint64_t rejected_ = 0;
  bool settled_ = false;
};

}  // namespace sim
