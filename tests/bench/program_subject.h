// A subject that is a program of this project's manner: it says on stdout where it can be reached.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "subject.h"
#include "support/process.h"

namespace bench {

// Any program that prints a ready line with `ws=` and, if it takes events, `events_in=`.
class ProgramSubject : public Subject {
 public:
  ProgramSubject(std::string name, std::vector<std::string> command);

  std::string name() const override { return name_; }
  void start() override;
  void stop() override;
  testing_support::TcpAddress websocket() const override;
  std::string events_in() const override { return addresses_.at("events_in"); }
  std::string control() const override { return addresses_.at("control"); }
  std::vector<pid_t> processes() const override { return {process_->pid()}; }

 protected:
  testing_support::Process& process() { return *process_; }

 private:
  const std::string name_;
  const std::vector<std::string> command_;
  std::optional<testing_support::Process> process_;
  std::map<std::string, std::string> addresses_;
};

// SIGTERM, and the end of its group if that has not helped in time. Idempotent.
void end_process(std::optional<testing_support::Process>& process);

}  // namespace bench
