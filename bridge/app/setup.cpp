#include "app/setup.h"

#include <algorithm>
#include <chrono>
#include <random>
#include <utility>

#include "app/config_keys.h"
#include "app/reach.h"
#include "access/authenticator.h"
#include "base/address.h"
#include "base/clock.h"
#include "base/descriptors.h"
#include "base/limits.h"
#include "base/log.h"
#include "net/zmq_peers.h"
#include "version.h"

namespace bridge {

std::string new_epoch() {
  constexpr char kDigits[] = "0123456789abcdefghijklmnopqrstuvwxyz";
  std::random_device random;
  std::string epoch;
  for (int i = 0; i < 10; ++i) epoch += kDigits[random() % 36];
  return epoch;
}

std::size_t clients_that_fit(const Config& config) {
  const std::int64_t wanted = config.websocket.clients_max;
  const auto descriptors = static_cast<std::int64_t>(raise_descriptor_limit());
  const auto others = static_cast<std::int64_t>(kOtherConnectionsMax + zmq_peers_that_fit());
  const std::int64_t room = std::max<std::int64_t>(1, descriptors - 2 * kLastDescriptors - others);
  if (wanted > room) {
    log_warn("clients_max_lowered", "websocket.clients_max is {}, but only {} files may be open: taking {}", wanted,
                 descriptors, room);
  }
  return static_cast<std::size_t>(std::min(wanted, room));
}

HistoryLimits history_limits(const Config& config) {
  return {static_cast<std::uint64_t>(config.history.events_max),
          static_cast<std::size_t>(config.history.bytes_max)};
}

ReceiverOptions receiver_options(const Config& config) {
  ReceiverOptions options;
  options.bind = config.events.bind;
  options.connect = config.events.connect;
  options.message_bytes_max = config.events.message_bytes_max;
  options.receive_messages_max = static_cast<int>(config.events.receive_messages_max);
  return options;
}

std::size_t positions_known(const Config& config) {
  return static_cast<std::size_t>(config.sources.runs_max) / 2;
}

JournalLimits journal_limits(const Config& config) {
  return {static_cast<std::uint64_t>(config.journal.bytes_max), config.journal.age_max_s * 1'000'000,
          static_cast<std::uint64_t>(config.journal.runs_bytes_max), config.journal.runs_age_max_s * 1'000'000,
          config.journal.compress_after_s * 1'000'000};
}

JournalFileOptions journal_options(const Config& config, std::size_t runs_bytes) {
  JournalFileOptions options;
  options.path = config.journal.path;
  options.make_directory = config.journal.path == in_home(kJournalPathDefault);
  options.sync_each_commit = config.journal.before_delivery;
  journal_limits(config).put_into(&options);
  options.positions_max = positions_known(config);
  options.runs.memory_bytes_max = runs_bytes / 2;
  return options;
}

// Without a journal: blocks to be folded in, what is open, and curves, which take more than their points.
RunsThreadOptions runs_options(const Config& config, std::size_t runs_bytes) {
  RunsThreadOptions options;
  options.path = config.journal.path;
  options.limits.runs_max = kMemoryRunsMax;
  options.limits.marks_max = kMemoryRunsMax;
  options.limits.memory_bytes_max = runs_bytes / 4;
  options.limits.bytes_max = runs_bytes / 4;
  options.queue_bytes_max = runs_bytes / 8;
  return options;
}

JwtOptions jwt_options(const Config& config) {
  const auto& auth = config.auth;
  return {auth.jwt_keys, auth.jwt_revoked, {auth.jwt_issuer, auth.jwt_audience, auth.jwt_lifetime_max_s}};
}

bool auth_is_on(const Config& config) {
  if (config.auth.mode != "auto") return config.auth.mode == "on";
  return reaches_beyond_loopback(config) || !config.auth.jwt_keys.empty() ||
         ::access(config.auth.credentials.c_str(), F_OK) == 0;
}

bool tls_is_on(const Config& config) {
  return !config.tls.certificate.empty();
}

Result<std::unique_ptr<Schemas>> load_schemas(const Config& config) {
  if (!config.schemas.directory.empty()) return Schemas::load(config.schemas.directory);
  if (config.schemas.mode == "off") return std::unique_ptr<Schemas>();
  return Failure{"schemas.mode is \"" + config.schemas.mode + "\"; it needs schemas.directory"};
}

std::vector<PageFile> served_files(const Schemas* schemas) {
  std::vector<PageFile> files = page_files();
  if (schemas == nullptr) return files;
  for (const Schemas::File& file : schemas->files()) files.push_back({file.path, "application/json", file.etag, false, file.text});
  return files;
}

std::unique_ptr<TlsContext> make_tls(const Config& config) {
  return tls_is_on(config) ? std::make_unique<TlsContext>(tls_options(config)) : nullptr;
}

TlsOptions tls_options(const Config& config) {
  TlsOptions options;
  options.certificate = config.tls.certificate;
  options.key = config.tls.key;
  options.only_1_3 = config.tls.min_version == "1.3";
  options.kernel = config.tls.kernel;
  options.handshakes_per_s_max = config.websocket.tls_handshakes_per_s_max;
  return options;
}

Result<ZmqGuardOptions> zmq_guard_options(const Config& config) {
  ZmqGuardOptions options;
  options.curve_on_loopback = config.zmq.curve_on_loopback;
  for (const std::string& uid : config.zmq.ipc_uids) {
    options.ipc_uids.push_back(static_cast<std::uint32_t>(std::stoul(uid)));
  }
  if (config.zmq.curve_key.empty()) return options;
  auto keys = load_server_keys(config.zmq.curve_key);
  if (!keys) return Failure{"zmq.curve_key: " + keys.error().message};
  options.keys = std::move(keys.value());
  return options;
}

std::optional<Failure> wrong_files(const Config& config) {
  if (auto wrong = wrong_roles(config)) return wrong;
  if (auth_is_on(config) || !config.zmq.curve_key.empty()) {
    const SystemClock clock;
    const auto read = Authenticator(config.auth.credentials, clock, config.auth.roles, jwt_options(config)).reload();
    if (!read) return read.error();
  }
  if (const auto keys = zmq_guard_options(config); !keys) return keys.error();
  if (!tls_is_on(config)) return std::nullopt;
  const auto certificate = TlsContext(tls_options(config)).load();
  return certificate ? std::nullopt : std::optional<Failure>(certificate.error());
}

AddressLimits::Options address_limits(const Config& config, bool guarded) {
  constexpr std::int64_t kConnectionsMax = 256;
  constexpr std::int64_t kHandshakesPerSMax = 100;
  const auto or_else = [guarded](std::int64_t given, std::int64_t otherwise) {
    return given == 0 && guarded ? otherwise : given;
  };
  return {static_cast<std::size_t>(or_else(config.limits.connections_per_address_max, kConnectionsMax)),
          or_else(config.limits.handshakes_per_address_per_s_max, kHandshakesPerSMax)};
}

ClientServersOptions client_servers_options(const Config& config) {
  ClientServersOptions options;
  options.threads = client_threads(config);
  options.history_limits = history_limits(config);
  options.holds_back = config.journal.before_delivery;
  SessionOptions& session = options.server.session;
  session.version = kVersion;
  session.ping_interval_us = config.websocket.ping_interval_s * 1'000'000;
  session.pong_timeout_us = config.websocket.pong_timeout_s * 1'000'000;
  session.requests_per_s_max = static_cast<std::uint64_t>(config.websocket.requests_per_s_max);
  options.server.listen = parse_address(config.websocket.listen).value();
  session.auth_timeout_us = config.auth.timeout_s * 1'000'000;
  options.server.sites = {config.websocket.hosts, config.websocket.origins, tls_is_on(config)};
  options.server.trusted_proxies = config.websocket.trusted_proxies;
  options.server.handshake_timeout = std::chrono::seconds(config.websocket.handshake_timeout_s);
  options.server.message_bytes_max =
      static_cast<std::size_t>(config.websocket.message_bytes_max);
  options.server.http_body_bytes_max = static_cast<std::size_t>(config.events.message_bytes_max);
  options.server.send_buffer_bytes = static_cast<int>(config.websocket.send_buffer_bytes);
  options.server.gather_us = config.websocket.gather_us;
  options.server.deflate_level = static_cast<int>(config.websocket.deflate_level);
  return options;
}

}  // namespace bridge
