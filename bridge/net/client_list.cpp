#include "net/client_list.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/log.h"
#include "base/text.h"

namespace bridge {
namespace {

constexpr std::size_t kTicksAPass = 50;  // of tick(), until all clients were looked after

}  // namespace

void ClientList::add(std::uint64_t number, std::shared_ptr<Session> session) {
  if (session->is_event_stream()) ++event_streams_;
  clients_.emplace(number, std::move(session));
}

void ClientList::erase(std::uint64_t number) {
  const auto client = clients_.find(number);
  if (client == clients_.end()) return;
  if (client->second->is_event_stream()) --event_streams_;
  clients_.erase(client);
}

void ClientList::tick() {
  if (drain_.by_us != 0) go_on_draining();
  for (std::size_t left = clients_.size() / kTicksAPass + 1; left > 0 && !clients_.empty(); --left) {
    auto next = clients_.upper_bound(ticked_);
    if (next == clients_.end()) next = clients_.begin();
    ticked_ = next->first;
    const std::shared_ptr<Session> client = next->second;
    client->tick();
    if (clients_.empty() || ticked_ == clients_.rbegin()->first) return;
  }
}

void ClientList::drain_until(std::int64_t by_us) {
  const auto left = std::distance(clients_.upper_bound(drain_.last), clients_.end());
  drain_ = {clock_.steady_us(), by_us, static_cast<std::int64_t>(left), 0, drain_.last};
}

// Tells so many to go as should have been told by now.
void ClientList::go_on_draining() {
  const std::int64_t span_us = drain_.by_us - drain_.began_us;
  const std::int64_t passed_us = clock_.steady_us() - drain_.began_us;
  const std::int64_t due = passed_us >= span_us ? drain_.clients : drain_.clients * passed_us / span_us + 1;
  while (drain_.told < due) {
    const auto next = clients_.upper_bound(drain_.last);
    if (next == clients_.end()) return;
    drain_.last = next->first;
    ++drain_.told;
    const std::shared_ptr<Session> client = next->second;
    client->drain(false);
  }
}

void ClientList::drain() {
  draining_ = true;
  const auto all = clients_;
  for (const auto& [number, client] : all) client->drain();
}

void ClientList::shed() {
  if (!shedding_.expired()) return;
  const auto most = std::max_element(clients_.begin(), clients_.end(), [](auto& a, auto& b) {
    return a.second->untaken_bytes() < b.second->untaken_bytes();
  });
  if (most == clients_.end() || most->second->untaken_bytes() == 0) return;
  const std::shared_ptr<Session> client = most->second;
  shedding_ = client;
  const ClientInfo info = client->info();
  log_warn("client_cut_off", "cut off {} ({}): it has {} bytes unread, and all clients too many", info.remote,
           printable(info.client_id), client->unread_bytes());
  client->cut();
}

void ClientList::report(ClientsReport& report) const {
  report.clients = clients_.size();
  report.event_streams = event_streams_;
  for (const auto& [number, client] : clients_) {
    const std::uint64_t lag = client->lag();
    report.lag += lag;
    report.lag_max = std::max(report.lag_max, lag);
  }
}

std::vector<ClientInfo> ClientList::infos(std::uint64_t connection, std::size_t max) const {
  std::vector<ClientInfo> infos;
  auto client = clients_.upper_bound(connection);
  for (; client != clients_.end() && infos.size() < max; ++client) infos.push_back(client->second->info());
  return infos;
}

}  // namespace bridge
