// The bridge's configuration: what can be set, from where, within which range.
//
// A value comes from the command line (--set KEY=VALUE), else the environment (PPO_BRIDGE_SECTION_KEY),
// else the file (-c FILE, TOML), else its default. A key that is unknown or a value that is not allowed
// stops the start with a message that names the key, the value and the range.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/result.h"

namespace bridge {

// Of limits.memory_bytes_max; where that is left at it, it grows with what other keys ask for.
inline constexpr std::int64_t kMemoryBytesDefault = std::int64_t{1} << 30;

// Field names are the keys. conf/bridge.toml tells what each means; config_keys.cpp holds the ranges.
struct Config {
  struct {
    std::string listen;
    std::vector<std::string> hosts;
    std::vector<std::string> origins;
    std::vector<std::string> trusted_proxies;
    std::int64_t clients_max = 0;
    std::int64_t message_bytes_max = 0;
    std::int64_t ping_interval_s = 0;
    std::int64_t pong_timeout_s = 0;
    std::int64_t requests_per_s_max = 0;
    std::int64_t send_buffer_bytes = 0;
    std::int64_t deflate_level = 0;
    std::int64_t threads = 0;
    std::int64_t gather_us = 0;
    std::int64_t handshake_timeout_s = 0;
    std::int64_t tls_handshakes_per_s_max = 0;
    std::int64_t drain_s = 0;
  } websocket;
  struct {
    std::string certificate;  // "" = plain
    std::string key;
    std::string min_version;  // 1.2, 1.3
    bool kernel = false;
  } tls;
  struct {
    std::string mode;  // auto, on, off
    std::string credentials;
    std::string roles;  // "" = the built-in ones alone
    std::int64_t timeout_s = 0;
    std::int64_t session_s = 0;
    std::string jwt_keys;  // "" = no JSON Web Tokens
    std::string jwt_issuer;
    std::string jwt_audience;
    std::int64_t jwt_lifetime_max_s = 0;
    std::string jwt_revoked;
    std::int64_t failures_per_minute_max = 0;
  } auth;
  struct {
    std::string curve_key;
    bool curve_on_loopback = false;
    std::vector<std::string> ipc_uids;
  } zmq;
  struct {
    std::vector<std::string> bind;
    std::vector<std::string> connect;
    std::int64_t event_bytes_max = 0;
    std::int64_t message_bytes_max = 0;
    std::int64_t receive_messages_max = 0;
    std::int64_t held_bytes_max = 0;
  } events;
  struct {
    std::string events;
    std::string commands;
  } bots;
  struct {
    std::string control;
    std::int64_t deadline_ms = 0;
    std::vector<std::string> connect;  // NAME=ENDPOINT
    bool connect_announced = false;
  } trainers;
  struct {
    std::int64_t runs_max = 0;
  } sources;
  struct {
    std::int64_t events_max = 0;
    std::int64_t bytes_max = 0;
  } history;
  struct {
    std::string path;
    std::string backup_directory;         // "" = off
    bool before_delivery = false;
    std::int64_t bytes_max = 0;
    std::int64_t age_max_s = 0;
    std::int64_t compress_after_s = 0;  // 0 = never
    std::int64_t runs_bytes_max = 0;
    std::int64_t runs_age_max_s = 0;
  } journal;
  struct {
    std::string kind;  // local, jetstream
  } engine;
  struct {
    std::string name;
    std::string node;  // "" = the host's name
    std::vector<std::string> servers;
    std::string credentials;
    std::string tls_ca;
    std::int64_t replicas = 0;
    std::int64_t bytes_max = 0;
    std::int64_t age_max_s = 0;
    std::int64_t join_timeout_s = 0;
    std::int64_t checkpoint_s = 0;
    std::string join;  // resume, fresh
  } cluster;
  struct {
    std::vector<std::string> webhook_hosts;
  } alerts;
  struct {
    std::string directory;  // "" = none
    std::string mode;       // off, count, reject
  } schemas;
  struct {
    std::int64_t memory_bytes_max = 0;
    std::int64_t connections_per_identity_max = 0;
    std::int64_t connections_per_address_max = 0;           // 0 = as auth.mode says
    std::int64_t handshakes_per_address_per_s_max = 0;  // likewise
  } limits;
  struct {
    std::string file;  // "" = to the log
    std::int64_t file_bytes_max = 0;
    std::int64_t files_max = 0;
  } audit;
  struct {
    std::string level;
    std::string format;
    std::string file;
    std::int64_t file_bytes_max = 0;
    std::int64_t files_max = 0;
  } log;
};

// Where values come from, besides the defaults.
struct ConfigSources {
  std::string file;                                               // path; "" = none
  std::vector<std::pair<std::string, std::string>> environment;  // all variables; ours are picked
  std::vector<std::string> settings;                              // "key=value", in order
};

using ConfigValue = std::variant<std::int64_t, bool, std::string, std::vector<std::string>>;

// A key's name of old, which still sets what is called otherwise now; who uses it is told.
struct DeprecatedKey {
  std::string name;
  std::string successor;
};
const std::vector<DeprecatedKey>& deprecated_keys();

struct LoadedConfig {
  Config config;
  std::vector<ConfigValue> values;    // what it is made of, in the order of the table
  std::vector<std::string> warnings;  // keys that are called otherwise now
};

// Puts them together and checks every value. Reads the file.
Result<LoadedConfig> read_config(const ConfigSources& sources,
                                 const std::vector<DeprecatedKey>& deprecated = deprecated_keys());
Result<Config> load_config(const ConfigSources& sources);

// REQUIRES: each value was checked, and stands at its key's place in the table.
Config make_config(const std::vector<ConfigValue>& values);
// What is wrong with values that are allowed each, but not together.
std::optional<Failure> wrong_together(const Config& config);

// How many threads serve clients: websocket.threads, or what is chosen for 0 from the processors that this process
// may run on.
std::size_t client_threads(const Config& config);

// A key with the value that it has (as TOML) and where that is from.
struct ConfigEntry {
  std::string key;
  std::string value;
  std::string from;
};
inline constexpr const char* kFromDefault = "default";

// All keys, in the order of the table. Each value is checked, not whether they fit together.
Result<std::vector<ConfigEntry>> effective_config(const ConfigSources& sources);

// What is wrong with the file of roles, if there is one. It stops the start as a wrong configuration does, but not
// `token revoke`.
std::optional<Failure> wrong_roles(const Config& config);

// The file that holds every key at its default, with meaning, unit and range: conf/bridge.toml.
std::string default_config_text();

}  // namespace bridge
