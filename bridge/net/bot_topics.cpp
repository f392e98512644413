#include "net/bot_topics.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace bridge {
namespace {

std::size_t shared(const std::string& a, const std::string& b) {
  const auto end = a.begin() + static_cast<std::ptrdiff_t>(std::min(a.size(), b.size()));
  return static_cast<std::size_t>(std::mismatch(a.begin(), end, b.begin()).first - a.begin());
}

}  // namespace

// Of all topics, in their order, one beside it begins with as much of it as any does.
std::pair<BotTopics::Place, std::size_t> BotTopics::nearest(Place topic) {
  std::pair<Place, std::size_t> found{topics_.end(), 0};
  const auto look_at = [&](Place other) {
    const std::size_t same = shared(other->first, topic->first);
    if (same > found.second) found = {other, same};
  };
  if (topic != topics_.begin()) look_at(std::prev(topic));
  if (std::next(topic) != topics_.end()) look_at(std::next(topic));
  return found;
}

void BotTopics::charge(Entry& entry, std::size_t nodes) {
  entry.nodes += nodes;
  bots_[entry.bot].nodes += nodes;
  all_.nodes += nodes;
}

void BotTopics::add(const std::string& topic, int bot) {
  const auto [place, fresh] = topics_.try_emplace(topic, Entry{bot, 0});
  if (!fresh) return;
  ++bots_[bot].topics;
  ++all_.topics;
  charge(place->second, topic.size() - nearest(place).second);
}

void BotTopics::drop(const std::string& topic) {
  const Place place = topics_.find(topic);
  if (place == topics_.end()) return;
  const auto [heir, used] = nearest(place);
  const Entry gone = place->second;
  // Nodes that nobody else uses are its own; the others that it was charged with stay, for the one who uses them most.
  const std::size_t stays = gone.nodes + used - topic.size();
  if (stays > 0) charge(heir->second, stays);
  const auto bot = bots_.find(gone.bot);
  bot->second.nodes -= gone.nodes;
  all_.nodes -= gone.nodes;
  --all_.topics;
  if (--bot->second.topics == 0) bots_.erase(bot);
  topics_.erase(place);
}

BotTopics::Cost BotTopics::of(int bot) const {
  const auto found = bots_.find(bot);
  return found == bots_.end() ? Cost{} : found->second;
}

int BotTopics::greediest() const {
  return std::max_element(bots_.begin(), bots_.end(),
                          [](auto& a, auto& b) { return a.second.nodes < b.second.nodes; })->first;
}

}  // namespace bridge
