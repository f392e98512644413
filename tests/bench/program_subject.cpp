#include "program_subject.h"

#include <csignal>
#include <stdexcept>
#include <utility>

#include "support/bridge_process.h"

namespace bench {
namespace {

constexpr testing_support::milliseconds kStopTimeout{5'000};

}  // namespace

ProgramSubject::ProgramSubject(std::string name, std::vector<std::string> command)
    : name_(std::move(name)), command_(std::move(command)) {}

void ProgramSubject::start() {
  process_.emplace(command_);
  const auto line = process_->wait_line("ready ");
  if (!line) {
    const std::string errors = process_->stderr_text();
    stop();
    throw std::runtime_error(command_.front() + " did not get ready: " + errors);
  }
  addresses_ = testing_support::parse_ready_line(*line);
}

void ProgramSubject::stop() {
  end_process(process_);
}

testing_support::TcpAddress ProgramSubject::websocket() const {
  return testing_support::parse_address(addresses_.at("ws"));
}

void end_process(std::optional<testing_support::Process>& process) {
  if (!process) return;
  process->signal(SIGTERM);
  process->wait_exit(kStopTimeout);
  process.reset();  // kills what has not ended by itself
}

}  // namespace bench
