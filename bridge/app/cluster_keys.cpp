// The keys of a bridge that is one of several (PROTOCOL section 12).

#include <utility>

#include "app/cluster_options.h"
#include "app/config_keys.h"
#include "base/text.h"
#include "cluster/proposal.h"

namespace bridge {
namespace {

using Texts = std::vector<std::string>;

ConfigKey cluster_text(const char* name, const char* meaning, const char* allowed, std::string fallback,
                       std::function<std::string(const std::string&)> check, std::string& (*member)(Config&)) {
  ConfigKey key{name, meaning, "", std::move(fallback), 0, 0, std::move(check), {}, allowed};
  key.set = [member](Config& c, const ConfigValue& v) { member(c) = std::get<std::string>(v); };
  return key;
}

ConfigKey cluster_number(const char* name, const char* meaning, const char* unit, std::int64_t fallback,
                         std::int64_t min, std::int64_t max, std::int64_t& (*member)(Config&)) {
  ConfigKey key{name, meaning, unit, fallback, min, max, {}, {}};
  key.set = [member](Config& c, const ConfigValue& v) { member(c) = std::get<std::int64_t>(v); };
  return key;
}

std::string check_kind(const std::string& value) {
  return value == "local" || value == "jetstream" ? "" : "\"" + printable(value) + "\" is no engine";
}

std::string check_join(const std::string& value) {
  return value == "resume" || value == "fresh" ? "" : "\"" + printable(value) + "\" is no way to join";
}

std::string check_name(const std::string& value) {
  return is_node_name(value) ? "" : "\"" + printable(value) + "\" is no such name";
}

std::string check_name_or_none(const std::string& value) { return value.empty() ? "" : check_name(value); }

std::string check_server(const std::string& value) {
  return nats_host(value).empty() ? "\"" + printable(value) + "\" is not nats://HOST:PORT or tls://HOST:PORT" : "";
}

}  // namespace

std::vector<ConfigKey> cluster_keys() {
  std::vector<ConfigKey> keys;
  keys.push_back(cluster_text(
      "engine.kind",
      "Where events get their numbers. local: in this process. jetstream: in a log that several bridges share, on NATS\n"
      "JetStream, so that an event has the same number on each of them; [cluster] says which. Not all works across\n"
      "bridges yet: see PROTOCOL section 12.",
      "local or jetstream", "local", check_kind, [](Config& c) -> std::string& { return c.engine.kind; }));
  keys.push_back(cluster_text("cluster.name", "The shared log: the stream's name, and what its subjects begin with.",
                              "1-32 characters of A-Z a-z 0-9 _ -", "ppo", check_name,
                              [](Config& c) -> std::string& { return c.cluster.name; }));
  keys.push_back(cluster_text(
      "cluster.node",
      "This bridge's name in the cluster, unlike any other's. A second process of the same name takes the place of the\n"
      "first. \"\" = the host's name.",
      "1-32 characters of A-Z a-z 0-9 _ -; or \"\"", "", check_name_or_none,
      [](Config& c) -> std::string& { return c.cluster.node; }));
  ConfigKey servers{"cluster.servers",
                    "NATS servers. Those beyond loopback need cluster.credentials and cluster.tls_ca. Their max_payload must\n"
                    "hold the largest event and 160 KiB more.",
                    "",
                    Texts{"nats://127.0.0.1:4222"},
                    0,
                    64,
                    check_server,
                    {},
                    "nats://HOST:PORT or tls://HOST:PORT"};
  servers.set = [](Config& c, const ConfigValue& v) { c.cluster.servers = std::get<Texts>(v); };
  keys.push_back(std::move(servers));
  keys.push_back(cluster_text("cluster.credentials", "The file with this bridge's NATS credentials (.creds).",
                              "a path; \"\" = none", "", {},
                              [](Config& c) -> std::string& { return c.cluster.credentials; }));
  keys.push_back(cluster_text("cluster.tls_ca", "Certificates of the authorities that the servers' certificates are from.",
                              "a path to a PEM file; \"\" = no TLS", "", {},
                              [](Config& c) -> std::string& { return c.cluster.tls_ca; }));
  keys.push_back(cluster_number("cluster.replicas",
                                "Servers that each keep the shared log. This and the next two are used by the bridge that makes the\n"
                                "stream; one that is there is used as it is, and what of it differs is logged.",
                                "servers", 3, 1, 5, [](Config& c) -> std::int64_t& { return c.cluster.replicas; }));
  keys.push_back(cluster_number("cluster.bytes_max", "Beyond this size the oldest messages leave the shared log.", "bytes",
                                std::int64_t{10} << 30, 1 << 20, std::int64_t{1} << 40,
                                [](Config& c) -> std::int64_t& { return c.cluster.bytes_max; }));
  keys.push_back(cluster_number("cluster.age_max_s",
                                "Messages older than this leave it. A bridge that was away for longer joins from a checkpoint; its journal has a hole then.",
                                "seconds", 86'400, 3600, 30 * 86'400,
                                [](Config& c) -> std::int64_t& { return c.cluster.age_max_s; }));
  keys.push_back(cluster_number("cluster.join_timeout_s",
                                "A bridge that gets nothing of the shared log for so long, before it has come to its end, does not start.", "seconds", 60, 1, 86'400,
                                [](Config& c) -> std::int64_t& { return c.cluster.join_timeout_s; }));
  keys.push_back(cluster_number("cluster.checkpoint_s",
                                "What bridges have made of the shared log is put into it so often, where there are new events, so that a bridge can join\n"
                                "from there; also after 100,000 events or 64 MiB, and before the log lets go of the last one.", "seconds", 600, 1, 86'400,
                                [](Config& c) -> std::int64_t& { return c.cluster.checkpoint_s; }));
  keys.push_back(cluster_text(
      "cluster.join",
      "Where a bridge without a journal begins. resume: at the beginning of the shared log where that still has all, else at the\n"
      "newest checkpoint; what was before it has from other bridges' journals. fresh: at the newest checkpoint, without what was before.",
      "resume or fresh", "resume", check_join, [](Config& c) -> std::string& { return c.cluster.join; }));
  return keys;
}

}  // namespace bridge
