#include "ppo-client/top_sample.h"

#include <cmath>
#include <limits>
#include <numeric>

#include "ppo-client/json_text.h"

namespace client {
namespace {

using rapidjson::Value;

const Value& none() {
  static const Value kNull;
  return kNull;
}

const Value& at(const Value& value, const char* key) {
  const Value* const found = find(value, key);
  return found == nullptr ? none() : *found;
}

std::optional<double> number_at(const Value& value, const char* key) {
  const Value& found = at(value, key);
  if (!found.IsNumber() || !std::isfinite(found.GetDouble())) return std::nullopt;
  return found.GetDouble();
}

double amount(const Value& value, const char* key) { return number_at(value, key).value_or(0); }

std::uint64_t count(const Value& value, const char* key) {
  const Value& found = at(value, key);
  return found.IsUint64() ? found.GetUint64() : 0;
}

template <class Visit>
void for_each(const Value& list, Visit&& visit) {
  if (!list.IsArray()) return;
  for (const Value& element : list.GetArray()) visit(element);
}

void read_delays(const Value& delays, TopSample* sample) {
  for_each(at(delays, "bounds_ms"), [&](const Value& bound) {
    if (bound.IsNumber()) sample->bounds_ms.push_back(bound.GetDouble());
  });
  const auto add = [&](const std::string& name, const Value& counts) {
    TopDelays read;
    for_each(counts, [&](const Value& one) { read.push_back(one.IsUint64() ? one.GetUint64() : 0); });
    if (read.size() == sample->bounds_ms.size() + 1) sample->delays.emplace_back(name, std::move(read));
  };
  add("publish to bridge", at(delays, "publish_to_receive"));
  for (const auto& [name, key] : {std::pair{"bridge to client", "receive_to_send"}, std::pair{"until a client has read", "send_to_ack"}}) {
    const Value& served = at(delays, key);
    if (!served.IsObject()) continue;
    for (const auto& member : served.GetObject()) add(std::string(name) + " (" + string_of(&member.name) + ")", member.value);
  }
}

void read_status(const Value& status, TopSample* sample) {
  sample->version = string_of(&at(status, "version"));
  sample->epoch = string_of(&at(status, "epoch"));
  sample->uptime_s = amount(status, "uptime_s");
  sample->seq = count(status, "seq");
  const Value& events = at(status, "events");
  sample->events_in = count(events, "accepted");
  sample->events_out = count(events, "sent");
  sample->bytes_in = count(events, "bytes_received");
  sample->bytes_out = count(events, "bytes_sent");
  sample->lost = count(events, "lost");
  sample->rejected = count(events, "rejected");
  sample->clients = count(at(status, "clients"), "connected");
  sample->alerts_raised = count(at(status, "alerts"), "raised");
  sample->turn_ms = amount(at(status, "loop"), "turn_us_max") / 1e3;
  const Value& memory = at(status, "memory");
  sample->resident_bytes = amount(memory, "resident_bytes");
  sample->memory_bytes_max = amount(memory, "bytes_max");
  const Value& queues = at(memory, "queues");
  if (queues.IsObject()) {
    for (const auto& member : queues.GetObject()) {
      sample->queues.push_back({string_of(&member.name), amount(member.value, "bytes"), amount(member.value, "bytes_max"),
                                count(member.value, "refused")});
      sample->memory_refused += sample->queues.back().refused;
    }
  }
  sample->journal_holds_s = number_at(at(status, "journal"), "holds_s");
  sample->journal_wanted_s = number_at(at(status, "journal"), "age_max_s");
  read_delays(at(status, "delays"), sample);
}

std::string how_served(const Value& client) {
  const std::string transport = string_of(&at(client, "transport"));
  return transport == "websocket" ? "ws" : transport;
}

}  // namespace

TopSample read_top_sample(std::string_view status, std::string_view sources, std::string_view clients) {
  TopSample sample;
  if (const auto document = parse(status)) read_status(*document, &sample);
  if (const auto document = parse(sources)) {
    for_each(at(*document, "sources"), [&](const Value& source) {
      sample.sources.push_back({string_of(&at(source, "source")), string_of(&at(source, "state")),
                                string_of(&at(source, "activity")), amount(source, "events_per_s"), count(source, "events"),
                                count(source, "lost"), count(source, "held"), amount(source, "last_event"),
                                number_at(source, "clock_ahead_ms"), number_at(source, "clock_error_ms")});
    });
  }
  if (const auto document = parse(clients)) {
    for_each(at(*document, "clients"), [&](const Value& client) {
      const std::string id = string_of(&at(client, "client_id"));
      sample.client_list.push_back({count(client, "connection"), id.empty() ? "#" + std::to_string(count(client, "connection")) : id,
                                    how_served(client), string_of(&at(client, "remote")), count(client, "lag"),
                                    count(client, "events_sent"), count(client, "bytes_sent"), count(client, "gaps")});
    });
  }
  return sample;
}

std::optional<double> quantile(const std::vector<double>& bounds, const TopDelays& counts, double q) {
  const std::uint64_t all = std::accumulate(counts.begin(), counts.end(), std::uint64_t{0});
  if (all == 0) return std::nullopt;
  double below = 0;
  for (std::size_t i = 0; i < bounds.size() && i < counts.size(); ++i) {
    below += static_cast<double>(counts[i]);
    if (below >= q * static_cast<double>(all)) return bounds[i];
  }
  return std::numeric_limits<double>::infinity();
}

TopDelays difference(const TopDelays& now, const TopDelays& before) {
  if (before.size() != now.size()) return now;
  TopDelays since(now.size());
  for (std::size_t i = 0; i < now.size(); ++i) {
    if (before[i] > now[i]) return now;
    since[i] = now[i] - before[i];
  }
  return since;
}

}  // namespace client
