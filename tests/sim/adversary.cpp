#include "adversary.h"

#include <limits>

#include "bridge.h"

namespace sim {
namespace {

constexpr std::uint64_t kSourceSeqMax = std::numeric_limits<std::int64_t>::max();  // that is taken
constexpr std::uint64_t kNamesMax = 600;  // of a seed: a client may forget which events of how many it had

std::string announcement(const std::string& source, const std::string& run, std::uint64_t head,
                         std::uint64_t oldest) {
  return R"({"type":"_source","source":")" + source + R"(","run":")" + run + R"(","data":{"head":)" +
         std::to_string(head) + R"(,"oldest":)" + std::to_string(oldest) +
         R"(,"agents":["agent_0"],"commands":["pause"],"host":"evil","pid":1,"state":"running"}})";
}

std::string event_body(const std::string& source, const std::string& run, std::uint64_t source_seq) {
  return R"({"type":"evil","data":{},"source":")" + source + R"(","run":")" + run +
         R"(","source_seq":)" + std::to_string(source_seq) + "}";
}

}  // namespace

Adversary::Adversary(World& world, const std::vector<std::unique_ptr<SimSource>>& victims)
    : world_(world), victims_(victims), every_us_(world.random.between(2 * kMs, 200 * kMs)) {
  for (const auto way : {&Adversary::foreign_run, &Adversary::wild_announcement, &Adversary::wild_number,
                         &Adversary::made_up_names, &Adversary::strays, &Adversary::control_connection,
                         &Adversary::clock_step}) {
    if (world_.random.one_in(2)) ways_.push_back(way);
  }
  if (!ways_.empty()) strike_now_and_then();
}

void Adversary::bridge_changed(SimBridge* bridge) {
  bridge_ = bridge;
  rejected_ = 0;
}

void Adversary::strike_now_and_then() {
  world_.after(world_.random.between(1, every_us_), [this] {
    if (settled_) return;
    strike_now_and_then();
    (this->*ways_[world_.random.below(ways_.size())])(*victims_[world_.random.below(victims_.size())]);
  });
}

void Adversary::publish(const std::string& body) {
  if (world_.trace) world_.trace(world_.clock.steady_us(), "evil: " + body.substr(0, 200));
  bridge_->take(body);
}

void Adversary::publish_event(const std::string& source, const std::string& run, std::uint64_t source_seq) {
  if (source_seq > kSourceSeqMax) ++rejected_;
  publish(event_body(source, run, source_seq));
}

// Around where sums wrap, or anywhere.
std::uint64_t Adversary::wild() {
  constexpr std::uint64_t kMax = std::numeric_limits<std::uint64_t>::max();
  switch (world_.random.below(4)) {
    case 0:
      return kMax - world_.random.below(3);
    case 1:
      return (std::uint64_t{1} << 63) - 1 + world_.random.below(3);
    case 2:
      return (std::uint64_t{1} << 53) + world_.random.below(3);
    default:
      return world_.random.next() | std::uint64_t{1} << 40;
  }
}

// A start that the source never had.
void Adversary::foreign_run(const SimSource& victim) {
  const std::string run = "X" + std::to_string(world_.random.below(world_.random.one_in(10) ? 200 : 4));
  switch (world_.random.below(3)) {
    case 0:
      return publish(announcement(victim.name(), run, world_.random.below(50), 1));
    case 1:
      return publish(announcement(victim.name(), run, wild(), world_.random.one_in(2) ? wild() : 1));
    default:
      return publish_event(victim.name(), run, world_.random.one_in(3) ? wild() : 1 + world_.random.below(9));
  }
}

// Of a run that has said a hello, or of nobody: what is published of others is all that anybody knows of them.
void Adversary::wild_announcement(const SimSource& victim) {
  const std::string& run = victim.runs().back().run;
  const std::uint64_t head = wild();
  const std::uint64_t oldest = world_.random.one_in(2) ? head : world_.random.below(3);
  if (bridge_->is_spoken_for(victim.name(), run)) publish(announcement(victim.name(), run, head, oldest));
  publish(announcement("wild" + std::to_string(world_.random.below(5)), "w", head, oldest));
}

// Of a run that the bridge has met: where it is heard of for the first time, anything may be its beginning.
void Adversary::wild_number(const SimSource& victim) {
  const std::string& run = victim.runs().back().run;
  if (bridge_->has_met(victim.name(), run)) publish_event(victim.name(), run, wild());
}

void Adversary::made_up_names(const SimSource&) {
  std::string bodies;
  for (std::uint64_t n = world_.random.below(60); n > 0 && names_ < kNamesMax; --n, ++names_) {
    bodies += event_body("n" + std::to_string(names_), "r", 1 + world_.random.below(3)) + "\n";
  }
  if (!bodies.empty()) publish(bodies);
}

void Adversary::strays(const SimSource& victim) {
  ++rejected_;
  switch (world_.random.below(5)) {
    case 0:
      return publish("nonsense");
    case 1:
      return publish(R"({"type":"tick","data":{"a":"\udc00"},"source":")" + victim.name() + R"("})");
    case 2:
      return publish(R"({"type":"tick","data":{},"timestamp":nan,"source":")" + victim.name() +
                     R"(","run":"run1","source_seq":1})");
    case 3:
      return publish(R"({"type":"tick","data":{},"source":"ppo-bridge"})");
    default:
      --rejected_;
      return publish(R"({"type":"tick","data":{"n":1},"source":")" + victim.name() + R"("})");
  }
}

// As a trainer would: with a foreign run, with the run of one that is connected, or with answers to
// questions that he was never asked. (Where no hello was said, the first hello has the name.)
void Adversary::control_connection(const SimSource& victim) {
  const std::string connection = "evil-" + std::to_string(++connections_);
  const std::string& run = victim.runs().back().run;
  switch (world_.random.below(3)) {
    case 0:
      if (bridge_->is_connected(victim.name(), run)) {
        bridge_->control(connection, announcement(victim.name(), "Y", wild(), 1));
      }
      break;
    case 1:
      if (bridge_->is_connected(victim.name(), run)) {
        bridge_->control(connection, announcement(victim.name(), run, wild(), wild()));
      }
      break;
    default:
      for (std::uint64_t n = 0; n < 20; ++n) {
        bridge_->control(connection, R"({"id":")" + std::string(n % 2 == 0 ? "r-" : "c-") +
                                         std::to_string(1 + world_.random.below(200)) +
                                         R"(","success":true,"result":{"events":[]}})");
      }
  }
  world_.after(world_.random.between(0, 500 * kMs), [this, connection, bridge = bridge_] {
    if (bridge == bridge_) bridge_->disconnected(connection);
  });
}

// Somebody sets the machine's clock, by up to a month.
void Adversary::clock_step(const SimSource&) {
  const std::int64_t most_us = 2'592'000'000 * kMs;
  world_.clock.step_wall_us(world_.random.between(-most_us, most_us));
}

}  // namespace sim
