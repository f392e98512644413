// The router's part in commands between the bridges of a cluster: those that others ask for, and parts that others carry out.
#include <utility>

#include "base/text.h"
#include "commands/command_router.h"
#include "commands/part_bytes.h"

namespace bridge {

void CommandRouter::submit_here(RemoteCommand wanted, Respond respond) {
  ++counters_.commands;
  const auto all = [&] { return wanted.source.empty() ? all_here(sources_, peers_) : std::vector<CommandAim>(); };
  if (join_earlier(wanted.command, respond, true, all)) return;
  std::vector<CommandAim> aims;
  if (wanted.source.empty()) {
    aims = all_here(sources_, peers_);
  } else if (wanted.run.empty()) {
    aims.push_back({{}, wanted.source, nullptr, wanted.agent});
  } else {
    Run* const run = sources_.find(wanted.source, wanted.run);
    if (run != nullptr && !run->ended()) aims.push_back({{}, wanted.source, run, wanted.agent});
  }
  if (!aims.empty()) return start(std::move(wanted.command), aims, std::move(respond), true);
  CommandOutcome outcome;
  outcome.refusal = {ErrorType::unknown_target, "target is \"" + printable(wanted.command.target) + "\"; there is no such run any more"};
  respond(outcome);
}

// A part that another bridge carries out, for one trainer or, of "*", for all that it has.
void CommandRouter::ask_node(const CommandAim& aim, const CommandRequestPtr& request) {
  RemoteCommand wanted;
  wanted.command = request->command;
  wanted.source = aim.source;
  wanted.run = aim.run == nullptr ? "" : aim.run->id;
  wanted.agent = aim.agent;
  ++pending_;
  bytes_ += part_bytes(request->command);
  const auto take = [this, request, node = aim.node, source = aim.source, run = wanted.run](const RemoteAnswers& came, bool told) {
    --pending_;
    bytes_ -= part_bytes(request->command);
    std::vector<TrainerAnswer> answers;
    if (came && (source.empty() || came.value().size() == 1)) {
      answers = came.value();
    } else if (came) {
      answers.emplace_back();
      answers.back().source = source;
      answers.back().run = run;
      answers.back().error = {ErrorType::unknown_outcome, "bridge " + node + " answered for " + std::to_string(came.value().size()) + " trainers"};
    } else if (!source.empty() || came.error().type != ErrorType::unknown_target) {
      answers.emplace_back();
      answers.back().source = source.empty() ? node : source;
      answers.back().run = run;
      answers.back().error = came.error();
    }
    for (TrainerAnswer& given : answers) {
      given.node = node;
      given.elapsed_us = clock_.steady_us() - request->submitted_us;
      request->outcome.answers.push_back(given);
    }
    if (--request->unanswered == 0) complete(*request);
    if (told || !on_executed_) return;
    for (const TrainerAnswer& given : answers) on_executed_(request->command, given);
  };
  if (bytes_ > bytes_max_) {
    return take(RequestError{ErrorType::busy, std::to_string(bytes_max_) + " bytes of commands wait for trainers already"}, false);
  }
  desk_->ask(aim.node, std::move(wanted), request->submitted_us + request->command.deadline_us, take);
}

}  // namespace bridge
