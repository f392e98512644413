// Fills what the journal of a bridge that joins lacks out of the journals of others, before it goes on behind that.
//
// The others' word is taken for it as it is for the shared log: who may write there is a bridge. It asks those that it hears of,
// one slice at a time, and goes on with another where one does not answer. What nobody has is left out. Bound: one answer at a
// time, of what a NATS message may have.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "log/past_slices.h"
#include "base/clock.h"
#include "base/result.h"
#include "engine/jetstream.h"

namespace bridge {

// One thread. References must outlive it.
class JournalFill final : public NodeLinkListener {
 public:
  // Takes events that follow each other; those before the first that it was not given yet nobody has.
  using Take = std::function<Result<bool>(const std::vector<BlockPtr>& blocks)>;

  JournalFill(std::string node, JetStream& stream, const Clock& clock) : node_(std::move(node)), stream_(stream), clock_(clock) {}

  // Events behind `after` up to `to`, in order. Gives how many there were.
  Result<std::uint64_t> run(std::uint64_t after, std::uint64_t to, const Take& take);

  void on_heartbeat(const std::string& node, std::string_view heartbeat, std::int64_t now_us) override;
  void on_request(const std::string&, std::string_view, std::int64_t) override {}
  void on_answer(std::uint64_t no, bool nobody, std::string_view answer, std::int64_t now_us) override;

 private:
  std::optional<std::vector<BlockPtr>> ask(const std::string& node, const PastRequest& request);
  void poll_for(std::int64_t us, const std::function<bool()>& until);

  const std::string node_;
  JetStream& stream_;
  const Clock& clock_;
  std::map<std::string, bool> nodes_;  // that were heard of; whether they answer
  std::uint64_t no_ = 0;
  std::optional<std::string> answer_;  // to no_; "": there is nobody
};

}  // namespace bridge
