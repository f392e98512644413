#include "app/config_keys.h"

#include <charconv>

#include "alerts/webhooks.h"
#include "app/key_builders.h"
#include "base/address.h"
#include "base/limits.h"
#include "base/text.h"
#include "net/origin.h"
#include "net/proxies.h"

namespace bridge {
namespace {

constexpr std::int64_t kMiB = 1024 * 1024;
constexpr std::int64_t kGiB = 1024 * kMiB;

std::string check_listen(const std::string& value) {
  const auto address = parse_address(value);
  return address ? std::string() : address.error().message;
}

std::string check_endpoint(const std::string& value) {
  const auto checked = check_zmq_endpoint(value);
  return checked ? std::string() : checked.error().message;
}

std::string check_endpoint_or_off(const std::string& value) {
  return value.empty() ? std::string() : check_endpoint(value);
}

// NAME=ENDPOINT, as a table's entry is kept.
std::string check_trainer(const std::string& entry) {
  const std::size_t equals = entry.find('=');
  if (!is_name(entry.substr(0, equals))) return "\"" + printable(entry.substr(0, equals)) + "\" is no name";
  return check_endpoint(entry.substr(equals + 1));
}

std::string check_uid(const std::string& value) {
  std::uint32_t uid = 0;
  const auto read = std::from_chars(value.data(), value.data() + value.size(), uid);
  const bool number = !value.empty() && read.ec == std::errc{} && read.ptr == value.data() + value.size();
  return number ? std::string() : "\"" + printable(value) + "\" is no user id";
}

constexpr const char* kEndpointForm = "tcp://HOST:PORT (port 0 = any free one; beyond loopback with zmq.curve_key) or ipc://PATH";

std::vector<ConfigKey> make_keys() {
  std::vector<ConfigKey> keys = {
      text(PPO_KEY(websocket, listen), "Where WebSocket clients and browsers connect.",
           "HOST:PORT; port 0 = any free one; beyond loopback with TLS (tls.certificate) and auth", "127.0.0.1:5178", check_listen),
      live(list(PPO_KEY(websocket, hosts),
                "By which names it may be asked for (a request's Host), besides loopback and the address it listens on:\n"
                "those that a proxy or tunnel in front has. Any other is answered with 421.",
                "up to 64 names in lower case or addresses, without a port", {}, check_site_host)),
      live(list(PPO_KEY(websocket, origins),
                "Sites whose pages may use it, besides its own.",
                "up to 64 of http://HOST or https://HOST, either with :PORT, in lower case", {}, check_site_origin)),
      live(list(PPO_KEY(websocket, trusted_proxies),
                "Proxies in front of it, whose X-Forwarded-For and X-Forwarded-Proto are believed: who asks, and whether he\n"
                "came by https. From anybody else these are passed over. See conf/nginx.conf.",
                "up to 64 addresses or networks, such as 127.0.0.1 or 10.0.0.0/8", {}, check_proxy)),
      live(integer(PPO_KEY(websocket, clients_max),
                   "Clients at a time. One more is closed with 1013, \"full\".", "clients", 4096, 1,
                   100'000)),
      integer(PPO_KEY(websocket, message_bytes_max),
              "A message that a client may send. A larger one closes it with 1009.", "bytes", 65'536,
              1024, 16 * kMiB),
      live(integer(PPO_KEY(websocket, ping_interval_s), "How often each client is pinged.", "seconds", 20, 1,
                   3600)),
      live(integer(PPO_KEY(websocket, pong_timeout_s),
                   "A client that has not answered a ping for so long is closed with 4012.", "seconds",
                   60, 1, 86'400)),
      live(integer(PPO_KEY(websocket, requests_per_s_max),
                   "Requests of one client, with bursts of twice as many. More are refused as\n"
                   "rate_limited; a client that goes on regardless is closed with 4029.",
                   "requests a second", 1000, 1, 1'000'000)),
      live(integer(PPO_KEY(websocket, send_buffer_bytes),
                   "The kernel's send buffer for each client (SO_SNDBUF). 0 = the system decides.",
                   "bytes", 0, 0, kGiB)),
      integer(PPO_KEY(websocket, deflate_level),
              "How hard batches are compressed for clients that offer permessage-deflate and ask for\n"
              "\"batch\": 1 the quickest, 9 the smallest, 0 = never. At 20,000 events/s in batches of 100,\n"
              "1 sends 5.5 times fewer bytes for 1 us of CPU time an event, paid once for all clients with\n"
              "the same subscription: with 100 of them writing less pays it back. It adds 0.1 ms to such a\n"
              "batch's way. 3 sends 5.8 times fewer, 6 sends 6.6 times fewer for 2.3 us.",
              "level", 1, 0, 9),
      integer(PPO_KEY(websocket, threads),
              "Threads that serve WebSocket clients. 1 = the one that takes events in as well, which is\n"
              "quickest for few clients and on few cores. With more, each serves the clients that the\n"
              "system gives it (SO_REUSEPORT), and keeps a snapshot of its own, for which limits.memory_bytes_max\n"
              "needs 96 MiB each. 0 = one for every four cores, at most 4.",
              "threads", 1, 0, 64),
      integer(PPO_KEY(websocket, gather_us),
              "How long an event may wait for others, so that they are written together. It waits only where writing\n"
              "takes much of the time: after a pass over the clients the next begins 16 times as long after it as that\n"
              "took, or after so long, whichever is less. An event that comes alone goes at once. 0 = none ever waits.",
              "microseconds", 0, 0, 100'000),
      live(integer(PPO_KEY(websocket, handshake_timeout_s),
                   "A connection that has not come to the end of its request by then is closed; what TLS takes is in it.",
                   "seconds", 5, 1, 60)),
      live(integer(PPO_KEY(websocket, tls_handshakes_per_s_max),
                   "TLS handshakes that begin, over all addresses; others wait, in rotation among the addresses. Each takes\n"
                   "about a millisecond that events would have had (with an ECDSA key; with RSA up to five).",
                   "handshakes a second", 200, 1, 100'000), Reload::with_tls),
      live(integer(PPO_KEY(websocket, drain_s),
                   "Over how long clients are told to go where the bridge is drained (SIGUSR1, `ppo-client drain`), so that they do\n"
                   "not all come back at once. Then it ends.",
                   "seconds", 10, 0, kDrainSecondsMax)),

      live(path(PPO_KEY(tls, certificate),
                "The certificate of the WebSocket and HTTP port, in PEM, with those that lead to its root behind it. With it\n"
                "wss:// and https:// are spoken there, and nothing else. SIGHUP reads it and its key anew; connections stay,\n"
                "and where a file is broken the old certificate does as well.",
                "a path; a leading ~/ is the home directory; \"\" = no TLS", ""), Reload::with_tls),
      live(path(PPO_KEY(tls, key),
                "Its private key, in PEM, without a pass phrase, and open to nobody else (chmod 600). ECDSA (P-256) costs a\n"
                "tenth of what RSA does.",
                "a path, as above", ""), Reload::with_tls),
      live(word(PPO_KEY(tls, min_version), "The oldest TLS that is spoken.", "a version", "1.2", {"1.2", "1.3"}), Reload::with_tls),
      live(boolean(PPO_KEY(tls, kernel),
                   "Let the kernel encrypt what goes out where it can (kTLS: its module tls must be loaded; AES-GCM).", true), Reload::with_tls),

      word(PPO_KEY(auth, mode),
           "Whether WebSocket clients, HTTP requests and bots' commands have to say who they are, by a token\n"
           "(`ppo-bridge token create`). \"auto\": where the file of credentials is there at the start, and wherever\n"
           "anything listens beyond loopback.",
           "a mode", "auto", {"auto", "on", "off"}),
      live(path(PPO_KEY(auth, credentials),
                "The file that says which tokens are good; written by `ppo-bridge token` alone, and read anew when\n"
                "it changes.",
                "a path; a leading ~/ is the home directory", "~/.config/ppo-bridge/credentials"), Reload::with_auth),
      live(path(PPO_KEY(auth, roles),
                "Roles of your own besides the built-in ones, which may read and command less: a TOML file that people\n"
                "write (PROTOCOL section 10), read anew when it changes. \"\" = none.",
                "a path; a leading ~/ is the home directory", ""), Reload::with_auth),
      live(integer(PPO_KEY(auth, timeout_s), "A client that has not said who it is by then is closed with 4001.", "seconds", 5, 1, 60), Reload::with_auth),
      live(integer(PPO_KEY(auth, session_s), "How long a browser is known by its cookie, once it has said its token.", "seconds", 43'200,
                   300, 2'592'000), Reload::with_auth),
      live(path(PPO_KEY(auth, jwt_keys),
                "Keys of an issuer whose JSON Web Tokens are good as well: a JWKS file (RFC 7517) with keys for HS256, RS256,\n"
                "ES256 or EdDSA (Ed25519), read anew when it changes. Nothing is fetched.",
                "a path; a leading ~/ is the home directory; \"\" = none", ""), Reload::with_auth),
      live(text(PPO_KEY(auth, jwt_issuer), "What such a token must have as `iss`.", "a text; needed with auth.jwt_keys", ""), Reload::with_auth),
      live(text(PPO_KEY(auth, jwt_audience), "What it must have as `aud`, or among them.", "a text", "ppo-bridge"), Reload::with_auth),
      live(integer(PPO_KEY(auth, jwt_lifetime_max_s), "How far away its `exp` may be.", "seconds", 86'400, 60, 2'592'000), Reload::with_auth),
      live(path(PPO_KEY(auth, jwt_revoked),
                "Such tokens that are good no longer, a line each: `jti VALUE`, or `sub VALUE` for all of somebody; read anew\n"
                "when it changes.",
                "a path, as above; \"\" = none", ""), Reload::with_auth),
      live(integer(PPO_KEY(auth, failures_per_minute_max),
                   "Wrong tokens that one address (of IPv6, one /64) may say at once and in a minute. One more is answered 429, or\n"
                   "rate_limited, and no JSON Web Token of that address is looked at. The bridge's own tokens are good whoever\n"
                   "else was wrong there.",
                   "failures", 10, 1, 1'000'000), Reload::with_auth),

      path(PPO_KEY(zmq, curve_key),
           "The file with the bridge's own key pair (`ppo-bridge curve create`), which nobody else may read. With it\n"
           "ZeroMQ is encrypted (CURVE) at every tcp address beyond loopback, and let in is who has a key that is listed in\n"
           "auth.credentials (`ppo-bridge curve create NAME --role ROLE`). \"\" = off.",
           "a path; a leading ~/ is the home directory", ""),
      boolean(PPO_KEY(zmq, curve_on_loopback),
              "Whether that goes for tcp addresses on loopback too. Else any user of this machine may publish there.", false),
      list(PPO_KEY(zmq, ipc_uids),
           "Users, besides the bridge's own, whose programs may come to ipc:// addresses. They need no key.",
           "a user id, as \"1000\"", {}, check_uid),

      list(PPO_KEY(events, bind), "Where sources connect their PUB sockets.", kEndpointForm,
           {"tcp://127.0.0.1:5556"}, check_endpoint),
      list(PPO_KEY(events, connect), "PUB sockets that sources bind and the bridge connects to.",
           kEndpointForm, {}, check_endpoint),
      live(integer(PPO_KEY(events, event_bytes_max), "One event's body. A larger one is rejected and counted.",
                   "bytes", kMiB, 256, 16 * kMiB)),
      integer(PPO_KEY(events, message_bytes_max),
              "One ZeroMQ message or POST, which may hold many events. A source that sends a larger\n"
              "one is disconnected, and must not be below events.event_bytes_max.",
              "bytes", 16 * kMiB, 4096, kGiB),
      integer(PPO_KEY(events, receive_messages_max),
              "Messages of one source with a key that may wait in ZeroMQ for the bridge (ZMQ_RCVHWM). What is behind\n"
              "them waits in the kernel and at the source, as all does without keys. Where many sources send large batches faster than\n"
              "they can be taken in, more of them is more memory.",
              "messages", 768, 1, 10'000'000),
      live(integer(PPO_KEY(events, held_bytes_max),
                   "Events, of all sources together, that wait until what is missing in front of them has\n"
                   "been asked for. More are let go of and asked for later.",
                   "bytes", 64 * kMiB, kMiB, 64 * kGiB)),

      text(PPO_KEY(bots, events), "Where trading bots subscribe to events (ZeroMQ XPUB). \"\" = off.",
           kEndpointForm, "tcp://127.0.0.1:5557", check_endpoint_or_off),
      text(PPO_KEY(bots, commands), "Where trading bots send commands (ZeroMQ ROUTER). \"\" = off.",
           kEndpointForm, "tcp://127.0.0.1:5558", check_endpoint_or_off),

      text(PPO_KEY(trainers, control), "Where trainers take commands (ZeroMQ ROUTER). \"\" = off.",
           kEndpointForm, "tcp://127.0.0.1:5559", check_endpoint_or_off),
      live(integer(PPO_KEY(trainers, deadline_ms), "How long a trainer may take to answer where the client does\n"
                   "not say.", "milliseconds", 2000, 1, 60'000)),
      table(PPO_KEY(trainers, connect),
            "Trainers that bind a plain REP, by name: the bridge connects and asks them, as in\n"
            "{ \"trainer-1\" = \"tcp://127.0.0.1:6001\" }.",
            "NAME = an endpoint as above", check_trainer),
      boolean(PPO_KEY(trainers, connect_announced),
              "Whether the bridge also connects to the REP that a source announces (\"control\" in its\n"
              "_source body). Anybody who can publish could then make it connect to any local port.",
              false),

      integer(PPO_KEY(sources, runs_max),
              "Starts of sources that are known at a time, over all names. Beyond it the one that has\n"
              "been silent longest is forgotten, never one that was heard of within 10 s or is\n"
              "connected; where all are live, events of one more go on without being put in order.",
              "runs", 4096, 16, 1'000'000),

      live(integer(PPO_KEY(history, events_max),
                   "Events kept in memory, for clients that resume, that are slow, or that ask.",
                   "events", 200'000, 1, 100'000'000)),
      live(integer(PPO_KEY(history, bytes_max), "The same, by the memory that it takes.", "bytes", 256 * kMiB,
                   kMiB, 64 * kGiB)),

      path(PPO_KEY(journal, path),
           "The file that keeps events on disk (SQLite), so that clients get what they missed while\n"
           "they, or the bridge, were away. Only one bridge writes it; anybody may read it. Where\n"
           "it cannot be used (a second bridge, read-only, no room, damage) the bridge says so, delivers\n"
           "without it, and begins to keep events as soon as it can. The default's directory is made\n"
           "where it is missing. \"\" = off.",
           "a path; a leading ~/ is the home directory", kJournalPathDefault),
      boolean(PPO_KEY(journal, before_delivery),
              "Deliver only what is on disk: nothing is ever repeated after a crash, and every event is\n"
              "as late as the disk is slow. The bridge then does not start without its journal, and takes\n"
              "no more events while it cannot be written.",
              false),
      text(PPO_KEY(journal, backup_directory),
           "Where the command `backup` (ppo-client backup) may write copies of the journal. \"\" = where the\n"
           "journal is.",
           "a folder", ""),
      live(integer(PPO_KEY(journal, bytes_max),
                   "Beyond this size the oldest events leave the journal. The file's room is used again; it\n"
                   "does not shrink.",
                   "bytes", 10 * kGiB, kMiB, 1024 * kGiB)),
      live(integer(PPO_KEY(journal, age_max_s), "Events older than this leave the journal.", "seconds",
                   7 * 86'400, 1, 10 * 365 * 86'400)),
      live(integer(PPO_KEY(journal, compress_after_s),
                   "Events older than this are compressed in the journal, to a tenth. SQL goes on reading the table events: the\n"
                   "sqlite3 shell as ever, other programs with one line more (bridge/PAST.md). A file for which this was ever\n"
                   "set stays so, and no bridge from before this key opens it. 0 = never.",
                   "seconds", 0, 0, 10 * 365 * 86'400), Reload::with_packing),
      live(integer(PPO_KEY(journal, runs_bytes_max),
                   "Curves of runs, which stay when the events are gone, beside those. Beyond this size the\n"
                   "curves of the run that has been silent longest leave.",
                   "bytes", 2 * kGiB, kMiB, 1024 * kGiB)),
      live(integer(PPO_KEY(journal, runs_age_max_s), "Runs that have been silent for longer leave the journal.",
                   "seconds", 365 * 86'400, 60, 100ll * 365 * 86'400)),

      list(PPO_KEY(alerts, webhook_hosts),
           "Where alerts may be sent besides loopback, by HTTP POST. Whoever may make alerts may have the\n"
           "bridge send to these hosts, to any path.",
           "HOST or HOST:PORT", {}, check_webhook_host),

      path(PPO_KEY(schemas, directory),
           "JSON Schemas: types/TYPE.json of what the data of an event type holds (a type of your own by a file of its\n"
           "own), and beside that folder any others. All are served at /schemas/. Those of the packages are in\n"
           "/usr/share/ppo-bridge/schemas.",
           "a path; a leading ~/ is the home directory; \"\" = none", ""),
      word(PPO_KEY(schemas, mode),
           "What becomes of events whose data is not as the schema of their type says. off: nobody looks; count: they\n"
           "are counted (get_event_types, /metrics); reject: they are refused as schema_mismatch as well. The last two need\n"
           "schemas.directory.",
           "a mode", "off", {"off", "count", "reject"}),

      integer(PPO_KEY(limits, memory_bytes_max),
              "Memory of everything that sources, clients and bots can make grow. Each queue has a share of\n"
              "it (get_status: memory) and says no at its end; history.bytes_max, events.held_bytes_max and\n"
              "what events.message_bytes_max, sources.runs_max, websocket.clients_max and websocket.threads\n"
              "come to must fit into it. Left at its default it grows with them.",
              "bytes", kMemoryBytesDefault, 96 * kMiB, 1024 * kGiB),
      live(integer(PPO_KEY(limits, connections_per_identity_max),
                   "WebSocket clients of one name, by whatever token of it. One more is closed with 1013, or answered busy\n"
                   "where it says its token in a message.",
                   "clients", 64, 1, 100'000)),
      live(integer(PPO_KEY(limits, connections_per_address_max),
                   "Connections of one address (of IPv6, one /64) to the WebSocket and HTTP port. A further one is answered 429,\n"
                   "many more are closed at once. Those of websocket.trusted_proxies count for who is behind them. 0 = 256 where\n"
                   "somebody has to say who he is (auth.mode); else, where only loopback can be reached, as many as there may be.",
                   "connections", 0, 0, 100'000)),
      live(integer(PPO_KEY(limits, handshakes_per_address_per_s_max),
                   "Connections that one address may begin, with bursts of ten seconds' worth. Further ones are treated likewise.\n"
                   "0 = 100 where somebody has to say who he is, else as many as come.",
                   "connections a second", 0, 0, 100'000)),

      path(PPO_KEY(audit, file),
           "A file (0600) that says who came in, who was refused, and who commanded what: one JSON object a line, never\n"
           "with a token or params. Admins read it by get_audit too. \"\" = to the log, commands that only ask left out.",
           "a path; a leading ~/ is the home directory", ""),
      integer(PPO_KEY(audit, file_bytes_max), "Size at which it is put away as FILE.1, and FILE.1 as FILE.2.", "bytes", 10 * kMiB, 65'536,
              10 * kGiB),
      integer(PPO_KEY(audit, files_max), "Such files that are kept, with the newest.", "files", 10, 1, 1000),

      live(word(PPO_KEY(log, level), "What is logged.", "a level", "info", {"trace", "debug", "info", "warn", "error", "off"})),
      word(PPO_KEY(log, format), "How a line is written (json: an object); each has the name of its event, which stays the same.",
           "a format", "text", {"text", "json"}),
      text(PPO_KEY(log, file), "A file to log to besides stderr; it is rotated. \"\" = none.", "a path", ""),
      integer(PPO_KEY(log, file_bytes_max), "Size at which the log file is rotated.", "bytes", 10 * kMiB,
              4096, 10 * kGiB),
      integer(PPO_KEY(log, files_max), "Rotated log files that are kept.", "files", 5, 1, 1000),
  };
  for (ConfigKey& key : cluster_keys()) keys.push_back(std::move(key));
  return keys;
}

}  // namespace

const std::vector<ConfigKey>& config_keys() {
  static const std::vector<ConfigKey> keys = make_keys();
  return keys;
}

}  // namespace bridge
