#include "app/config_keys.h"

#include <pwd.h>
#include <unistd.h>

#include <charconv>
#include <cstdlib>

#include "alerts/webhooks.h"
#include "base/address.h"
#include "base/limits.h"
#include "base/text.h"
#include "net/origin.h"
#include "net/proxies.h"

namespace bridge {
namespace {

constexpr std::int64_t kMiB = 1024 * 1024;
constexpr std::int64_t kGiB = 1024 * kMiB;

using Integer = std::int64_t;
using Text = std::string;
using List = std::vector<std::string>;

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

std::string check_auth_mode(const std::string& value) {
  if (value == "auto" || value == "on" || value == "off") return {};
  return "\"" + printable(value) + "\" must be auto, on or off";
}

std::string check_schemas_mode(const std::string& value) {
  if (value == "off" || value == "count" || value == "reject") return {};
  return "\"" + printable(value) + "\" must be off, count or reject";
}

std::string check_log_format(const std::string& value) {
  if (value == "text" || value == "json") return {};
  return "\"" + printable(value) + "\" must be text or json";
}

std::string check_tls_version(const std::string& value) {
  if (value == "1.2" || value == "1.3") return {};
  return "\"" + printable(value) + "\" must be 1.2 or 1.3";
}

std::string check_uid(const std::string& value) {
  std::uint32_t uid = 0;
  const auto read = std::from_chars(value.data(), value.data() + value.size(), uid);
  const bool number = !value.empty() && read.ec == std::errc{} && read.ptr == value.data() + value.size();
  return number ? std::string() : "\"" + printable(value) + "\" is no user id";
}

std::string check_level(const std::string& value) {
  for (const char* level : {"trace", "debug", "info", "warn", "error", "off"}) {
    if (value == level) return {};
  }
  return "\"" + value + "\" is not a level";
}

ConfigKey integer(const char* name, const char* meaning, const char* unit, Integer fallback,
                  Integer min, Integer max, std::function<void(Config&, Integer)> set) {
  ConfigKey key{name, meaning, unit, fallback, min, max, {}, {}};
  key.set = [set = std::move(set)](Config& c, const ConfigValue& v) {
    set(c, std::get<Integer>(v));
  };
  return key;
}

ConfigKey text(const char* name, const char* meaning, const char* allowed, Text fallback,
               std::function<std::string(const Text&)> check,
               std::function<void(Config&, Text)> set) {
  ConfigKey key{name, meaning, "", std::move(fallback), 0, 0, std::move(check), {}, allowed};
  key.set = [set = std::move(set)](Config& c, const ConfigValue& v) { set(c, std::get<Text>(v)); };
  return key;
}

ConfigKey list(const char* name, const char* meaning, const char* allowed, List fallback,
               std::function<std::string(const Text&)> check,
               std::function<void(Config&, List)> set) {
  ConfigKey key{name, meaning, "", std::move(fallback), 0, 64, std::move(check), {}, allowed};
  key.set = [set = std::move(set)](Config& c, const ConfigValue& v) { set(c, std::get<List>(v)); };
  return key;
}

// A table of names and texts, kept as a list of NAME=TEXT.
ConfigKey table(const char* name, const char* meaning, const char* allowed,
                std::function<std::string(const Text&)> check,
                std::function<void(Config&, List)> set) {
  ConfigKey key = list(name, meaning, allowed, {}, std::move(check), std::move(set));
  key.is_table = true;
  return key;
}

ConfigKey boolean(const char* name, const char* meaning, bool fallback,
                  std::function<void(Config&, bool)> set) {
  ConfigKey key{name, meaning, "", fallback, 0, 0, {}, {}};
  key.set = [set = std::move(set)](Config& c, const ConfigValue& v) { set(c, std::get<bool>(v)); };
  return key;
}

// The same key, of which a change is taken up before the next start.
ConfigKey live(ConfigKey key, Reload reload = Reload::at_once) {
  key.reload = reload;
  return key;
}

constexpr const char* kJournalPathDefault = "~/.local/state/ppo-bridge/journal.sqlite";

// The path with the home directory in place of a leading ~/. Without one it stays, and opening it fails
// with a message that names it.
std::string in_home(const std::string& path) {
  if (path.rfind("~/", 0) != 0) return path;
  const char* home = std::getenv("HOME");
  if (home == nullptr || *home == '\0') {
    const passwd* const user = getpwuid(getuid());
    home = user != nullptr ? user->pw_dir : nullptr;
  }
  return home == nullptr ? path : home + path.substr(1);
}

constexpr const char* kEndpointForm = "tcp://HOST:PORT (port 0 = any free one; beyond loopback with zmq.curve_key) or ipc://PATH";

std::vector<ConfigKey> make_keys() {
  using C = Config;
  std::vector<ConfigKey> keys = {
      text("websocket.listen", "Where WebSocket clients and browsers connect.",
           "HOST:PORT; port 0 = any free one; beyond loopback with TLS (tls.certificate) and auth", "127.0.0.1:5178", check_listen,
           [](C& c, Text v) { c.websocket.listen = std::move(v); }),
      live(list("websocket.hosts",
                "By which names it may be asked for (a request's Host), besides loopback and the address it listens on:\n"
                "those that a proxy or tunnel in front has. Any other is answered with 421.",
                "up to 64 names in lower case or addresses, without a port", {}, check_site_host,
                [](C& c, List v) { c.websocket.hosts = std::move(v); })),
      live(list("websocket.origins",
                "Sites whose pages may use it, besides its own.",
                "up to 64 of http://HOST or https://HOST, either with :PORT, in lower case", {}, check_site_origin,
                [](C& c, List v) { c.websocket.origins = std::move(v); })),
      live(list("websocket.trusted_proxies",
                "Proxies in front of it, whose X-Forwarded-For and X-Forwarded-Proto are believed: who asks, and whether he\n"
                "came by https. From anybody else these are passed over. See conf/nginx.conf.",
                "up to 64 addresses or networks, such as 127.0.0.1 or 10.0.0.0/8", {}, check_proxy,
                [](C& c, List v) { c.websocket.trusted_proxies = std::move(v); })),
      live(integer("websocket.clients_max",
                   "Clients at a time. One more is closed with 1013, \"full\".", "clients", 4096, 1,
                   100'000, [](C& c, Integer v) { c.websocket.clients_max = v; })),
      integer("websocket.message_bytes_max",
              "A message that a client may send. A larger one closes it with 1009.", "bytes", 65'536,
              1024, 16 * kMiB, [](C& c, Integer v) { c.websocket.message_bytes_max = v; }),
      live(integer("websocket.ping_interval_s", "How often each client is pinged.", "seconds", 20, 1,
                   3600, [](C& c, Integer v) { c.websocket.ping_interval_s = v; })),
      live(integer("websocket.pong_timeout_s",
                   "A client that has not answered a ping for so long is closed with 4012.", "seconds",
                   60, 1, 86'400, [](C& c, Integer v) { c.websocket.pong_timeout_s = v; })),
      live(integer("websocket.requests_per_s_max",
                   "Requests of one client, with bursts of twice as many. More are refused as\n"
                   "rate_limited; a client that goes on regardless is closed with 4029.",
                   "requests a second", 1000, 1, 1'000'000,
                   [](C& c, Integer v) { c.websocket.requests_per_s_max = v; })),
      live(integer("websocket.send_buffer_bytes",
                   "The kernel's send buffer for each client (SO_SNDBUF). 0 = the system decides.",
                   "bytes", 0, 0, kGiB, [](C& c, Integer v) { c.websocket.send_buffer_bytes = v; })),
      integer("websocket.deflate_level",
              "How hard batches are compressed for clients that offer permessage-deflate and ask for\n"
              "\"batch\": 1 the quickest, 9 the smallest, 0 = never. At 20,000 events/s in batches of 100,\n"
              "1 sends 5.5 times fewer bytes for 1 us of CPU time an event, paid once for all clients with\n"
              "the same subscription: with 100 of them writing less pays it back. It adds 0.1 ms to such a\n"
              "batch's way. 3 sends 5.8 times fewer, 6 sends 6.6 times fewer for 2.3 us.",
              "level", 1, 0, 9, [](C& c, Integer v) { c.websocket.deflate_level = v; }),
      integer("websocket.threads",
              "Threads that serve WebSocket clients. 1 = the one that takes events in as well, which is\n"
              "quickest for few clients and on few cores. With more, each serves the clients that the\n"
              "system gives it (SO_REUSEPORT), and keeps a snapshot of its own, for which limits.memory_bytes_max\n"
              "needs 96 MiB each. 0 = one for every four cores, at most 4.",
              "threads", 1, 0, 64,
              [](C& c, Integer v) { c.websocket.threads = v; }),
      integer("websocket.gather_us",
              "How long an event may wait for others, so that they are written together. It waits only where writing\n"
              "takes much of the time: after a pass over the clients the next begins 16 times as long after it as that\n"
              "took, or after so long, whichever is less. An event that comes alone goes at once. 0 = none ever waits.",
              "microseconds", 0, 0, 100'000, [](C& c, Integer v) { c.websocket.gather_us = v; }),
      live(integer("websocket.handshake_timeout_s",
                   "A connection that has not come to the end of its request by then is closed; what TLS takes is in it.",
                   "seconds", 5, 1, 60, [](C& c, Integer v) { c.websocket.handshake_timeout_s = v; })),
      live(integer("websocket.tls_handshakes_per_s_max",
                   "TLS handshakes that begin, over all addresses; others wait, in rotation among the addresses. Each takes\n"
                   "about a millisecond that events would have had (with an ECDSA key; with RSA up to five).",
                   "handshakes a second", 200, 1, 100'000,
                   [](C& c, Integer v) { c.websocket.tls_handshakes_per_s_max = v; }), Reload::with_tls),
      live(integer("websocket.drain_s",
                   "Over how long clients are told to go where the bridge is drained (SIGUSR1, `ppo-client drain`), so that they do\n"
                   "not all come back at once. Then it ends.",
                   "seconds", 10, 0, kDrainSecondsMax, [](C& c, Integer v) { c.websocket.drain_s = v; })),

      live(text("tls.certificate",
                "The certificate of the WebSocket and HTTP port, in PEM, with those that lead to its root behind it. With it\n"
                "wss:// and https:// are spoken there, and nothing else. SIGHUP reads it and its key anew; connections stay,\n"
                "and where a file is broken the old certificate does as well.",
                "a path; a leading ~/ is the home directory; \"\" = no TLS", "", {},
                [](C& c, Text v) { c.tls.certificate = in_home(v); }), Reload::with_tls),
      live(text("tls.key",
                "Its private key, in PEM, without a pass phrase, and open to nobody else (chmod 600). ECDSA (P-256) costs a\n"
                "tenth of what RSA does.",
                "a path, as above", "", {}, [](C& c, Text v) { c.tls.key = in_home(v); }), Reload::with_tls),
      live(text("tls.min_version", "The oldest TLS that is spoken.", "1.2 or 1.3", "1.2", check_tls_version,
                [](C& c, Text v) { c.tls.min_version = std::move(v); }), Reload::with_tls),
      live(boolean("tls.kernel",
                   "Let the kernel encrypt what goes out where it can (kTLS: its module tls must be loaded; AES-GCM).", true,
                   [](C& c, bool v) { c.tls.kernel = v; }), Reload::with_tls),

      text("auth.mode",
           "Whether WebSocket clients, HTTP requests and bots' commands have to say who they are, by a token\n"
           "(`ppo-bridge token create`). \"auto\": where the file of credentials is there at the start, and wherever\n"
           "anything listens beyond loopback.",
           "auto, on or off", "auto", check_auth_mode, [](C& c, Text v) { c.auth.mode = std::move(v); }),
      live(text("auth.credentials",
                "The file that says which tokens are good; written by `ppo-bridge token` alone, and read anew when\n"
                "it changes.",
                "a path; a leading ~/ is the home directory", "~/.config/ppo-bridge/credentials", {},
                [](C& c, Text v) { c.auth.credentials = in_home(v); }), Reload::with_auth),
      live(text("auth.roles",
                "Roles of your own besides the built-in ones, which may read and command less: a TOML file that people\n"
                "write (PROTOCOL section 10), read anew when it changes. \"\" = none.",
                "a path; a leading ~/ is the home directory", "", {}, [](C& c, Text v) { c.auth.roles = in_home(v); }), Reload::with_auth),
      live(integer("auth.timeout_s", "A client that has not said who it is by then is closed with 4001.", "seconds", 5, 1, 60,
                   [](C& c, Integer v) { c.auth.timeout_s = v; }), Reload::with_auth),
      live(integer("auth.session_s", "How long a browser is known by its cookie, once it has said its token.", "seconds", 43'200,
                   300, 2'592'000, [](C& c, Integer v) { c.auth.session_s = v; }), Reload::with_auth),
      live(text("auth.jwt_keys",
                "Keys of an issuer whose JSON Web Tokens are good as well: a JWKS file (RFC 7517) with keys for HS256, RS256,\n"
                "ES256 or EdDSA (Ed25519), read anew when it changes. Nothing is fetched.",
                "a path; a leading ~/ is the home directory; \"\" = none", "", {}, [](C& c, Text v) { c.auth.jwt_keys = in_home(v); }), Reload::with_auth),
      live(text("auth.jwt_issuer", "What such a token must have as `iss`.", "a text; needed with auth.jwt_keys", "", {},
                [](C& c, Text v) { c.auth.jwt_issuer = std::move(v); }), Reload::with_auth),
      live(text("auth.jwt_audience", "What it must have as `aud`, or among them.", "a text", "ppo-bridge", {},
                [](C& c, Text v) { c.auth.jwt_audience = std::move(v); }), Reload::with_auth),
      live(integer("auth.jwt_lifetime_max_s", "How far away its `exp` may be.", "seconds", 86'400, 60, 2'592'000,
                   [](C& c, Integer v) { c.auth.jwt_lifetime_max_s = v; }), Reload::with_auth),
      live(text("auth.jwt_revoked",
                "Such tokens that are good no longer, a line each: `jti VALUE`, or `sub VALUE` for all of somebody; read anew\n"
                "when it changes.",
                "a path, as above; \"\" = none", "", {}, [](C& c, Text v) { c.auth.jwt_revoked = in_home(v); }), Reload::with_auth),
      live(integer("auth.failures_per_minute_max",
                   "Wrong tokens that one address (of IPv6, one /64) may say at once and in a minute. One more is answered 429, or\n"
                   "rate_limited, and no JSON Web Token of that address is looked at. The bridge's own tokens are good whoever\n"
                   "else was wrong there.",
                   "failures", 10, 1, 1'000'000, [](C& c, Integer v) { c.auth.failures_per_minute_max = v; }), Reload::with_auth),

      text("zmq.curve_key",
           "The file with the bridge's own key pair (`ppo-bridge curve create`), which nobody else may read. With it\n"
           "ZeroMQ is encrypted (CURVE) at every tcp address beyond loopback, and let in is who has a key that is listed in\n"
           "auth.credentials (`ppo-bridge curve create NAME --role ROLE`). \"\" = off.",
           "a path; a leading ~/ is the home directory", "", {}, [](C& c, Text v) { c.zmq.curve_key = in_home(v); }),
      boolean("zmq.curve_on_loopback",
              "Whether that goes for tcp addresses on loopback too. Else any user of this machine may publish there.", false,
              [](C& c, bool v) { c.zmq.curve_on_loopback = v; }),
      list("zmq.ipc_uids",
           "Users, besides the bridge's own, whose programs may come to ipc:// addresses. They need no key.",
           "a user id, as \"1000\"", {}, check_uid, [](C& c, List v) { c.zmq.ipc_uids = std::move(v); }),

      list("events.bind", "Where sources connect their PUB sockets.", kEndpointForm,
           {"tcp://127.0.0.1:5556"}, check_endpoint,
           [](C& c, List v) { c.events.bind = std::move(v); }),
      list("events.connect", "PUB sockets that sources bind and the bridge connects to.",
           kEndpointForm, {}, check_endpoint,
           [](C& c, List v) { c.events.connect = std::move(v); }),
      live(integer("events.event_bytes_max", "One event's body. A larger one is rejected and counted.",
                   "bytes", kMiB, 256, 16 * kMiB,
                   [](C& c, Integer v) { c.events.event_bytes_max = v; })),
      integer("events.message_bytes_max",
              "One ZeroMQ message or POST, which may hold many events. A source that sends a larger\n"
              "one is disconnected, and must not be below events.event_bytes_max.",
              "bytes", 16 * kMiB, 4096, kGiB,
              [](C& c, Integer v) { c.events.message_bytes_max = v; }),
      integer("events.receive_messages_max",
              "Messages of one source with a key that may wait in ZeroMQ for the bridge (ZMQ_RCVHWM). What is behind\n"
              "them waits in the kernel and at the source, as all does without keys. Where many sources send large batches faster than\n"
              "they can be taken in, more of them is more memory.",
              "messages", 768, 1, 10'000'000,
              [](C& c, Integer v) { c.events.receive_messages_max = v; }),
      live(integer("events.held_bytes_max",
                   "Events, of all sources together, that wait until what is missing in front of them has\n"
                   "been asked for. More are let go of and asked for later.",
                   "bytes", 64 * kMiB, kMiB, 64 * kGiB,
                   [](C& c, Integer v) { c.events.held_bytes_max = v; })),

      text("bots.events", "Where trading bots subscribe to events (ZeroMQ XPUB). \"\" = off.",
           kEndpointForm, "tcp://127.0.0.1:5557", check_endpoint_or_off,
           [](C& c, Text v) { c.bots.events = std::move(v); }),
      text("bots.commands", "Where trading bots send commands (ZeroMQ ROUTER). \"\" = off.",
           kEndpointForm, "tcp://127.0.0.1:5558", check_endpoint_or_off,
           [](C& c, Text v) { c.bots.commands = std::move(v); }),

      text("trainers.control", "Where trainers take commands (ZeroMQ ROUTER). \"\" = off.",
           kEndpointForm, "tcp://127.0.0.1:5559", check_endpoint_or_off,
           [](C& c, Text v) { c.trainers.control = std::move(v); }),
      live(integer("trainers.deadline_ms", "How long a trainer may take to answer where the client does\n"
                   "not say.", "milliseconds", 2000, 1, 60'000,
                   [](C& c, Integer v) { c.trainers.deadline_ms = v; })),
      table("trainers.connect",
            "Trainers that bind a plain REP, by name: the bridge connects and asks them, as in\n"
            "{ \"trainer-1\" = \"tcp://127.0.0.1:6001\" }.",
            "NAME = an endpoint as above", check_trainer,
            [](C& c, List v) { c.trainers.connect = std::move(v); }),
      boolean("trainers.connect_announced",
              "Whether the bridge also connects to the REP that a source announces (\"control\" in its\n"
              "_source body). Anybody who can publish could then make it connect to any local port.",
              false, [](C& c, bool v) { c.trainers.connect_announced = v; }),

      integer("sources.runs_max",
              "Starts of sources that are known at a time, over all names. Beyond it the one that has\n"
              "been silent longest is forgotten, never one that was heard of within 10 s or is\n"
              "connected; where all are live, events of one more go on without being put in order.",
              "runs", 4096, 16, 1'000'000, [](C& c, Integer v) { c.sources.runs_max = v; }),

      live(integer("history.events_max",
                   "Events kept in memory, for clients that resume, that are slow, or that ask.",
                   "events", 200'000, 1, 100'000'000, [](C& c, Integer v) { c.history.events_max = v; })),
      live(integer("history.bytes_max", "The same, by the memory that it takes.", "bytes", 256 * kMiB,
                   kMiB, 64 * kGiB, [](C& c, Integer v) { c.history.bytes_max = v; })),

      text("journal.path",
           "The file that keeps events on disk (SQLite), so that clients get what they missed while\n"
           "they, or the bridge, were away. Only one bridge writes it; anybody may read it. Where\n"
           "it cannot be used (a second bridge, read-only, no room, damage) the bridge says so, delivers\n"
           "without it, and begins to keep events as soon as it can. The default's directory is made\n"
           "where it is missing. \"\" = off.",
           "a path; a leading ~/ is the home directory", kJournalPathDefault, {},
           [](C& c, Text v) {
             c.journal.is_default = v == kJournalPathDefault;
             c.journal.path = in_home(v);
           }),
      boolean("journal.before_delivery",
              "Deliver only what is on disk: nothing is ever repeated after a crash, and every event is\n"
              "as late as the disk is slow. The bridge then does not start without its journal, and takes\n"
              "no more events while it cannot be written.",
              false, [](C& c, bool v) { c.journal.before_delivery = v; }),
      text("journal.backup_directory",
           "Where the command `backup` (ppo-client backup) may write copies of the journal. \"\" = where the\n"
           "journal is.",
           "a folder", "", {}, [](C& c, Text v) { c.journal.backup_directory = std::move(v); }),
      live(integer("journal.bytes_max",
                   "Beyond this size the oldest events leave the journal. The file's room is used again; it\n"
                   "does not shrink.",
                   "bytes", 10 * kGiB, kMiB, 1024 * kGiB,
                   [](C& c, Integer v) { c.journal.bytes_max = v; })),
      live(integer("journal.age_max_s", "Events older than this leave the journal.", "seconds",
                   7 * 86'400, 1, 10 * 365 * 86'400,
                   [](C& c, Integer v) { c.journal.age_max_s = v; })),
      live(integer("journal.compress_after_s",
                   "Events older than this are compressed in the journal, to a tenth. SQL goes on reading the table events: the\n"
                   "sqlite3 shell as ever, other programs with one line more (bridge/PAST.md). A file for which this was ever\n"
                   "set stays so, and no bridge from before this key opens it. 0 = never.",
                   "seconds", 0, 0, 10 * 365 * 86'400,
                   [](C& c, Integer v) { c.journal.compress_after_s = v; }), Reload::with_packing),
      live(integer("journal.runs_bytes_max",
                   "Curves of runs, which stay when the events are gone, beside those. Beyond this size the\n"
                   "curves of the run that has been silent longest leave.",
                   "bytes", 2 * kGiB, kMiB, 1024 * kGiB,
                   [](C& c, Integer v) { c.journal.runs_bytes_max = v; })),
      live(integer("journal.runs_age_max_s", "Runs that have been silent for longer leave the journal.",
                   "seconds", 365 * 86'400, 60, 100ll * 365 * 86'400,
                   [](C& c, Integer v) { c.journal.runs_age_max_s = v; })),

      list("alerts.webhook_hosts",
           "Where alerts may be sent besides loopback, by HTTP POST. Whoever may make alerts may have the\n"
           "bridge send to these hosts, to any path.",
           "HOST or HOST:PORT", {}, check_webhook_host,
           [](C& c, List v) { c.alerts.webhook_hosts = std::move(v); }),

      text("schemas.directory",
           "JSON Schemas: types/TYPE.json of what the data of an event type holds (a type of your own by a file of its\n"
           "own), and beside that folder any others. All are served at /schemas/. Those of the packages are in\n"
           "/usr/share/ppo-bridge/schemas.",
           "a path; a leading ~/ is the home directory; \"\" = none", "", {}, [](C& c, Text v) { c.schemas.directory = in_home(v); }),
      text("schemas.mode",
           "What becomes of events whose data is not as the schema of their type says. off: nobody looks; count: they\n"
           "are counted (get_event_types, /metrics); reject: they are refused as schema_mismatch as well.",
           "off, count or reject; the last two need schemas.directory", "off", check_schemas_mode,
           [](C& c, Text v) { c.schemas.mode = std::move(v); }),

      integer("limits.memory_bytes_max",
              "Memory of everything that sources, clients and bots can make grow. Each queue has a share of\n"
              "it (get_status: memory) and says no at its end; history.bytes_max, events.held_bytes_max and\n"
              "what events.message_bytes_max, sources.runs_max, websocket.clients_max and websocket.threads\n"
              "come to must fit into it. Left at its default it grows with them.",
              "bytes", kMemoryBytesDefault, 96 * kMiB, 1024 * kGiB,
              [](C& c, Integer v) { c.limits.memory_bytes_max = v; }),
      live(integer("limits.connections_per_identity_max",
                   "WebSocket clients of one name, by whatever token of it. One more is closed with 1013, or answered busy\n"
                   "where it says its token in a message.",
                   "clients", 64, 1, 100'000, [](C& c, Integer v) { c.limits.connections_per_identity_max = v; })),
      live(integer("limits.connections_per_address_max",
                   "Connections of one address (of IPv6, one /64) to the WebSocket and HTTP port. A further one is answered 429,\n"
                   "many more are closed at once. Those of websocket.trusted_proxies count for who is behind them. 0 = 256 where\n"
                   "somebody has to say who he is (auth.mode); else, where only loopback can be reached, as many as there may be.",
                   "connections", 0, 0, 100'000, [](C& c, Integer v) { c.limits.connections_per_address_max = v; })),
      live(integer("limits.handshakes_per_address_per_s_max",
                   "Connections that one address may begin, with bursts of ten seconds' worth. Further ones are treated likewise.\n"
                   "0 = 100 where somebody has to say who he is, else as many as come.",
                   "connections a second", 0, 0, 100'000,
                   [](C& c, Integer v) { c.limits.handshakes_per_address_per_s_max = v; })),

      text("audit.file",
           "A file (0600) that says who came in, who was refused, and who commanded what: one JSON object a line, never\n"
           "with a token or params. Admins read it by get_audit too. \"\" = to the log, commands that only ask left out.",
           "a path; a leading ~/ is the home directory", "", {}, [](C& c, Text v) { c.audit.file = in_home(v); }),
      integer("audit.file_bytes_max", "Size at which it is put away as FILE.1, and FILE.1 as FILE.2.", "bytes", 10 * kMiB, 65'536,
              10 * kGiB, [](C& c, Integer v) { c.audit.file_bytes_max = v; }),
      integer("audit.files_max", "Such files that are kept, with the newest.", "files", 10, 1, 1000,
              [](C& c, Integer v) { c.audit.files_max = v; }),

      live(text("log.level", "What is logged.", "trace, debug, info, warn, error or off", "info",
                check_level, [](C& c, Text v) { c.log.level = std::move(v); })),
      text("log.format", "How a line is written; each has the name of its event, which stays the same.",
           "text, or json: an object a line", "text", check_log_format, [](C& c, Text v) { c.log.format = std::move(v); }),
      text("log.file", "A file to log to besides stderr; it is rotated. \"\" = none.", "a path", "",
           {}, [](C& c, Text v) { c.log.file = std::move(v); }),
      integer("log.file_bytes_max", "Size at which the log file is rotated.", "bytes", 10 * kMiB,
              4096, 10 * kGiB, [](C& c, Integer v) { c.log.file_bytes_max = v; }),
      integer("log.files_max", "Rotated log files that are kept.", "files", 5, 1, 1000,
              [](C& c, Integer v) { c.log.files_max = v; }),
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
