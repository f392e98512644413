#include "commands/remote_desk.h"

#include <algorithm>
#include <memory>
#include <utility>

namespace bridge {

RemoteDesk::RemoteDesk(std::string node, NodeLink& link, const Clock& clock, Serve serve)
    : node_(std::move(node)), link_(link), clock_(clock), serve_(std::move(serve)) {}

void RemoteDesk::refuse(const Answered& answered, ErrorType type, std::string message) {
  ++counts_.refused;
  answered(RequestError{type, std::move(message)}, false);
}

void RemoteDesk::ask(const std::string& node, RemoteCommand wanted, std::int64_t deadline_us, Answered answered) {
  if (asks_.size() >= kRemoteAsksMax || asks_of_[node] >= kRemoteAsksOfNodeMax) {
    return refuse(answered, ErrorType::busy, std::to_string(asks_of_[node]) + " commands wait for bridge " + node + " already");
  }
  const std::int64_t left_us = std::max<std::int64_t>(1000, deadline_us - clock_.steady_us());
  wanted.from = node_;
  wanted.by_us = clock_.wall_us() + left_us;
  const std::int64_t deadline_ms = wanted.command.deadline_us / 1000;
  name_across(node_, wanted.command.identity, &wanted.command.requester);
  wanted.command.deadline_us = std::min(left_us, kCommandDeadlineMaxUs);
  const std::string text = write_remote_command(wanted);
  if (text.size() > link_.word_bytes_max()) {
    return refuse(answered, ErrorType::too_large, "the command takes " + std::to_string(text.size()) + " bytes; to bridge " + node +
                                                      " go at most " + std::to_string(link_.word_bytes_max()));
  }
  const std::uint64_t no = ++last_no_;
  if (!link_.ask(node, no, text)) {
    return refuse(answered, ErrorType::rejected, std::string(kBridgeIsAway) + node + " cannot be reached from here");
  }
  ++counts_.sent;
  ++asks_of_[node];
  asks_.emplace(no, Ask{node, deadline_us, deadline_ms, std::move(answered)});
}

void RemoteDesk::on_answer(std::uint64_t no, bool nobody, std::string_view text) {
  const auto found = asks_.find(no);
  if (found == asks_.end()) return;  // it came too late
  const Ask ask = std::move(found->second);
  asks_.erase(found);
  if (--asks_of_[ask.node] == 0) asks_of_.erase(ask.node);
  if (nobody) return refuse(ask.answered, ErrorType::rejected, std::string(kBridgeIsAway) + ask.node + " does not run");
  auto read = read_remote_answers(text);
  if (!read) {
    ++counts_.malformed;
    return ask.answered(RequestError{ErrorType::unknown_outcome, "bridge " + ask.node + " answered what cannot be read: " + read.error().message},
                        true);
  }
  ask.answered(std::move(read.value()), true);
}

void RemoteDesk::tick() {
  const std::int64_t now_us = clock_.steady_us();
  std::vector<Ask> late;
  for (auto one = asks_.begin(); one != asks_.end();) {
    if (one->second.deadline_us > now_us) {
      ++one;
      continue;
    }
    if (--asks_of_[one->second.node] == 0) asks_of_.erase(one->second.node);
    late.push_back(std::move(one->second));
    one = asks_.erase(one);
  }
  for (const Ask& ask : late) {
    ++counts_.timeouts;
    ask.answered(RequestError{ErrorType::timeout, "bridge " + ask.node + " did not answer within " + std::to_string(ask.deadline_ms) + " ms"}, true);
  }
}

void RemoteDesk::on_request(const std::string& to, std::string_view text, const SteadyOf& steady_of) {
  auto read = read_remote_command(text);
  if (!read) {
    ++counts_.malformed;
    return give(to, RequestError{ErrorType::bad_request, read.error().message});
  }
  RemoteCommand& wanted = read.value();
  // It may have been under way for long: nobody waits for it any more, and has been told so.
  const auto by_us = steady_of(wanted.from, wanted.by_us);
  const std::int64_t left_us = by_us ? *by_us - clock_.steady_us() : wanted.command.deadline_us;
  if (left_us <= 0) return give(to, RequestError{ErrorType::timeout, "the command came to bridge " + node_ + " too late"});
  if (serving_ >= kRemoteServedMax) {
    return give(to, RequestError{ErrorType::busy, std::to_string(kRemoteServedMax) + " commands of others wait at bridge " + node_});
  }
  wanted.command.deadline_us = std::min(wanted.command.deadline_us, left_us);
  ++counts_.served;
  ++serving_;
  serve_(std::move(wanted), [this, to](const RemoteAnswers& answers) {
    --serving_;
    give(to, answers);
  });
}

void RemoteDesk::give(const std::string& to, const RemoteAnswers& answers) {
  std::string text = write_remote_answers(answers);
  if (text.size() > link_.word_bytes_max() && answers) {
    std::vector<TrainerAnswer> shorter = answers.value();
    for (TrainerAnswer& answer : shorter) {
      answer.success = false;
      answer.result_json.clear();
      answer.error = {ErrorType::too_large, "it was done; the answers take " + std::to_string(text.size()) + " bytes; between bridges go at most " +
                                                std::to_string(link_.word_bytes_max())};
    }
    text = write_remote_answers(shorter);
  }
  link_.answer(to, text);
}

}  // namespace bridge
