#include "app/cluster_options.h"

#include <unistd.h>

#include "base/address.h"
#include "base/text.h"
#include "cluster/proposal.h"

namespace bridge {

std::string nats_host(std::string_view url) {
  for (const std::string_view scheme : {"nats://", "tls://"}) {
    if (url.substr(0, scheme.size()) != scheme) continue;
    const auto address = parse_address(std::string(url.substr(scheme.size())));
    return address ? address.value().host : std::string();
  }
  return {};
}

std::optional<Failure> wrong_cluster(const Config& config) {
  if (config.engine.kind != "jetstream") return std::nullopt;
  if (!jetstream_is_built()) {
    return Failure{"engine.kind is \"jetstream\", but this build has no JetStream: libnats was not there when it was compiled"};
  }
  if (config.journal.path.empty()) {
    return Failure{"engine.kind is \"jetstream\", but journal.path is \"\"; a bridge of a cluster needs its journal"};
  }
  if (config.journal.before_delivery) {
    return Failure{"engine.kind is \"jetstream\", and journal.before_delivery is true; nothing is delivered there before the "
                   "cluster has it, so it must be false"};
  }
  if (client_threads(config) != 1) {
    return Failure{"engine.kind is \"jetstream\", and websocket.threads is " + std::to_string(config.websocket.threads) + "; must be 1"};
  }
  if (config.cluster.servers.empty()) return Failure{"cluster.servers is empty; engine.kind = \"jetstream\" needs one"};
  if (!is_node_name(jetstream_options(config).node)) {
    return Failure{"cluster.node is \"\" and the host's name is \"" + printable(jetstream_options(config).node) +
                   "\"; name the node: 1-32 characters of A-Z a-z 0-9 _ -"};
  }
  for (const std::string& server : config.cluster.servers) {
    if (is_loopback(nats_host(server))) continue;
    if (config.cluster.credentials.empty() || config.cluster.tls_ca.empty()) {
      return Failure{"cluster.servers has \"" + printable(server) + "\", which is beyond loopback; that needs cluster.credentials "
                     "and cluster.tls_ca"};
    }
  }
  return std::nullopt;
}

JetStreamOptions jetstream_options(const Config& config) {
  const auto& cluster = config.cluster;
  JetStreamOptions options;
  options.name = cluster.name;
  options.node = cluster.node;
  if (options.node.empty()) {
    char host[256] = {};
    if (gethostname(host, sizeof host - 1) == 0) options.node = host;
  }
  options.servers = cluster.servers;
  options.credentials = cluster.credentials;
  options.tls_ca = cluster.tls_ca;
  options.replicas = cluster.replicas;
  options.bytes_max = cluster.bytes_max;
  options.age_max_s = cluster.age_max_s;
  options.event_bytes_max = static_cast<std::size_t>(config.events.event_bytes_max);
  return options;
}

}  // namespace bridge
