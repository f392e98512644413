// Commands between the bridges of a cluster: those that this one asks of others, and those that others ask of it.
//
// A request goes out once and is never sent again. It is answered by the other bridge, or refused at once where nobody is
// there to take it, or times out. What waits is bounded: over all, and for each node.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "cluster/node_link.h"
#include "commands/remote_command.h"

namespace bridge {

inline constexpr std::size_t kRemoteAsksMax = 1024;
inline constexpr std::size_t kRemoteAsksOfNodeMax = 256;
inline constexpr std::size_t kRemoteServedMax = 1024;  // at a time

struct RemoteCounts {
  std::uint64_t sent = 0;
  std::uint64_t refused = 0;   // by nobody being there, or for want of room
  std::uint64_t timeouts = 0;
  std::uint64_t served = 0;
  std::uint64_t malformed = 0;  // requests and answers
};

// Pure logic. One thread: the log's. References must outlive it.
class RemoteDesk {
 public:
  // What came of a request. `told`: the other bridge tells of it as command_executed, or may.
  using Answered = std::function<void(RemoteAnswers answers, bool told)>;
  // Carries out what another bridge asks for.
  using Serve = std::function<void(RemoteCommand wanted, std::function<void(const RemoteAnswers&)> answer)>;

  RemoteDesk(std::string node, NodeLink& link, const Clock& clock, Serve serve);

  // `answered` is called exactly once, at once or later, unless the desk goes first. `deadline_us`: by the steady clock.
  void ask(const std::string& node, RemoteCommand wanted, std::int64_t deadline_us, Answered answered);

  void on_answer(std::uint64_t no, bool nobody, std::string_view text);
  // When, by the steady clock here, a node's wall clock shows that time; nothing: not known.
  using SteadyOf = std::function<std::optional<std::int64_t>(const std::string& node, std::int64_t wall_us)>;
  void on_request(const std::string& to, std::string_view text, const SteadyOf& steady_of);

  // Tells who is over the deadline. Call every few milliseconds.
  void tick();

  const RemoteCounts& counts() const { return counts_; }
  std::size_t waiting() const { return asks_.size(); }

 private:
  struct Ask {
    std::string node;
    std::int64_t deadline_us = 0;
    std::int64_t deadline_ms = 0;  // as it was asked
    Answered answered;
  };
  void refuse(const Answered& answered, ErrorType type, std::string message);
  void give(const std::string& to, const RemoteAnswers& answers);

  const std::string node_;
  NodeLink& link_;
  const Clock& clock_;
  const Serve serve_;
  std::map<std::uint64_t, Ask> asks_;
  std::map<std::string, std::size_t> asks_of_;  // by node
  std::uint64_t last_no_ = 0;
  std::size_t serving_ = 0;
  RemoteCounts counts_;
};

}  // namespace bridge
