// What follows from a change among the sources: everybody is told, and what a trainer owes is settled.
#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "commands/command_router.h"
#include "log/own_events.h"
#include "sources/source_table.h"
#include "sources/source_tracker.h"

namespace bridge {

// One thread: the log's. References must outlive it.
class SourceWatch : public SourceListener {
 public:
  SourceWatch(SourceTable& sources, SourceTracker& tracker, CommandRouter& router,
              OwnEvents& events)
      : tracker_(tracker), router_(router), events_(events) {
    sources.set_listener(this);
  }

  void on_source(const Run& run, SourceChange change) override;
  // Tells everybody. `processes`: of a conflict, all that have the name.
  void tell(const Run& run, SourceChange change, const std::vector<const Run*>& processes);
  // From now on others tell what becomes of a run: they are called where something does.
  void set_presence(std::function<void(const Run&)> presence) { presence_ = std::move(presence); }
  void on_line_lost(ControlLine& line, Lane& lane, const std::string& why) override {
    router_.on_line_lost(line, lane, why);
  }
  void on_superseded(Run& run) override { tracker_.supersede(run); }
  void on_forget(Run& run) override { tracker_.forget(run); }

 private:
  void report(const char* status, const std::string& message, const Run& run, const std::vector<const Run*>& processes = {});

  SourceTracker& tracker_;
  CommandRouter& router_;
  OwnEvents& events_;
  std::function<void(const Run&)> presence_;  // null: it is told at once
};

}  // namespace bridge
