// A control line's commands and questions: the router's own, for its files alone.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "commands/command_router.h"

namespace bridge {

struct CommandRouter::TrainerLane final : Lane {
  TrainerLane(ControlLine& owner, std::shared_ptr<Lanes> all) : line(owner), lanes(std::move(all)) {
    lanes->insert(this);
  }
  ~TrainerLane() override { lanes->erase(this); }
  bool idle() const override {
    return !with_trainer && waiting.empty() && repairs.empty() && unanswered_id.empty();
  }
  // Whether the trainer answers questions beside its commands, as it says itself.
  bool answers_any_time() const {
    const Run* const run = line.run != nullptr ? line.run : line.source->current();
    return run != nullptr && run->repairs_any_time;
  }

  ControlLine& line;
  std::optional<TrainerCommand> with_trainer;
  std::deque<TrainerCommand> waiting;
  std::deque<Repair> repairs;         // the first may be with the trainer; one a start of it
  std::optional<Repair> late_repair;  // the last one over its deadline
  std::string unanswered_id;          // over its deadline, its late answer still awaited
  std::int64_t unblock_us = 0;
  const std::shared_ptr<Lanes> lanes;
};

}  // namespace bridge
