// The keys of a bridge that is one of several (PROTOCOL section 12).

#include "app/cluster_options.h"
#include "app/key_builders.h"
#include "cluster/proposal.h"

namespace bridge {
namespace {

std::string check_name(const std::string& value) {
  return is_node_name(value) ? "" : "\"" + printable(value) + "\" is no such name";
}

std::string check_name_or_none(const std::string& value) { return value.empty() ? "" : check_name(value); }

std::string check_server(const std::string& value) {
  return nats_host(value).empty() ? "\"" + printable(value) + "\" is not nats://HOST:PORT or tls://HOST:PORT" : "";
}

}  // namespace

std::vector<ConfigKey> cluster_keys() {
  return {
      word(PPO_KEY(engine, kind),
           "Where events get their numbers. local: in this process. jetstream: in a log that several bridges share, on NATS\n"
           "JetStream, so that an event has the same number on each of them; [cluster] says which. Not all works across\n"
           "bridges yet: see PROTOCOL section 12.",
           "an engine", "local", {"local", "jetstream"}),

      text(PPO_KEY(cluster, name), "The shared log: the stream's name, and what its subjects begin with.",
           "1-32 characters of A-Z a-z 0-9 _ -", "ppo", check_name),
      text(PPO_KEY(cluster, node),
           "This bridge's name in the cluster, unlike any other's. A second process of the same name takes the place of the\n"
           "first. \"\" = the host's name.",
           "1-32 characters of A-Z a-z 0-9 _ -; or \"\"", "", check_name_or_none),
      list(PPO_KEY(cluster, servers),
           "NATS servers. Those beyond loopback need cluster.credentials and cluster.tls_ca. Their max_payload must\n"
           "hold the largest event and 160 KiB more.",
           "nats://HOST:PORT or tls://HOST:PORT", {"nats://127.0.0.1:4222"}, check_server),
      text(PPO_KEY(cluster, credentials), "The file with this bridge's NATS credentials (.creds).", "a path; \"\" = none", ""),
      text(PPO_KEY(cluster, tls_ca), "Certificates of the authorities that the servers' certificates are from.",
           "a path to a PEM file; \"\" = no TLS", ""),
      integer(PPO_KEY(cluster, replicas),
              "Servers that each keep the shared log. This and the next two are used by the bridge that makes the\n"
              "stream; one that is there is used as it is, and what of it differs is logged.",
              "servers", 3, 1, 5),
      integer(PPO_KEY(cluster, bytes_max), "Beyond this size the oldest messages leave the shared log.", "bytes",
              std::int64_t{10} << 30, 1 << 20, std::int64_t{1} << 40),
      integer(PPO_KEY(cluster, age_max_s),
              "Messages older than this leave it. A bridge that was away for longer joins from a checkpoint; its journal has a hole then.",
              "seconds", 86'400, 3600, 30 * 86'400),
      integer(PPO_KEY(cluster, join_timeout_s),
              "A bridge that gets nothing of the shared log for so long, before it has come to its end, does not start.", "seconds",
              60, 1, 86'400),
      integer(PPO_KEY(cluster, checkpoint_s),
              "What bridges have made of the shared log is put into it so often, where there are new events, so that a bridge can join\n"
              "from there; also after 100,000 events or 64 MiB, and before the log lets go of the last one.", "seconds",
              600, 1, 86'400),
      word(PPO_KEY(cluster, join),
           "Where a bridge without a journal begins. resume: at the beginning of the shared log where that still has all, else at the\n"
           "newest checkpoint; what was before it has from other bridges' journals. fresh: at the newest checkpoint, without what was before.",
           "a way to join", "resume", {"resume", "fresh"}),
  };
}

}  // namespace bridge
