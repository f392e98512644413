// What bots subscribe to, and what that costs: memory, and time whenever any connection to bots.events ends.
//
// libzmq keeps topics in a tree with a node for each character. Topics that begin alike share nodes, so a topic costs the
// characters that no other has at the same place, and who wanted it first is charged with them. When a peer goes, whatever
// it had, libzmq walks the whole tree, in one turn; so nodes are bounded over all bots, not only bytes.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <unordered_map>
#include <utility>

namespace bridge {

class BotTopics {
 public:
  struct Entry {
    int bot;
    std::size_t nodes;  // what it is charged with
  };
  struct Cost {
    std::size_t topics = 0, nodes = 0;
    // A node takes 40 bytes, and a table where it branches.
    std::size_t bytes() const { return 1024 * topics + 40 * nodes; }
  };

  // A topic that is there already costs nothing, and its first asker stays charged.
  void add(const std::string& topic, int bot);
  void drop(const std::string& topic);

  bool empty() const { return topics_.empty(); }
  const std::map<std::string, Entry>& topics() const { return topics_; }
  const Cost& all() const { return all_; }
  Cost of(int bot) const;
  // The bot with the most nodes. REQUIRES: !empty()
  int greediest() const;

 private:
  using Place = std::map<std::string, Entry>::iterator;
  // The neighbour that shares the most first characters with it, and how many; end() and 0 where none shares any.
  std::pair<Place, std::size_t> nearest(Place topic);
  void charge(Entry& entry, std::size_t nodes);

  std::map<std::string, Entry> topics_;
  std::unordered_map<int, Cost> bots_;
  Cost all_;
};

}  // namespace bridge
