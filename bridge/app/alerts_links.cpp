#include "app/alerts_links.h"

#include <utility>
#include <vector>

namespace bridge {

AlertsLinks alerts_links(std::function<void(std::function<void()>)> post, CommandDispatcher& dispatcher, Journal* journal) {
  AlertsLinks links;
  links.post = std::move(post);
  links.check_command = [&dispatcher](const auto& command) { return dispatcher.check(command); };
  links.run_command = [&dispatcher](const auto& command, const auto& target, const auto& from, auto done) {
    dispatcher.issue(command, target, from, done);
  };
  if (journal == nullptr) return links;
  links.past = journal;
  links.committed_seq = [journal] { return journal->committed_seq(); };
  links.keep = [journal](AlertsLinks::Rows rows, auto done) {
    std::vector<KeptRow> kept;
    kept.reserve(rows.size());
    for (auto& [name, value] : rows) kept.push_back({"alerts", std::move(name), std::move(value)});
    journal->keep(std::move(kept), std::move(done));
  };
  return links;
}

}  // namespace bridge
