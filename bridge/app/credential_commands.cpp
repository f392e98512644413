#include "app/credential_commands.h"

#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <ctime>
#include <iostream>
#include <utility>

#include "audit/audit_file.h"
#include "audit/audit_lines.h"
#include "base/clock.h"
#include "base/text.h"
#include "event/json_writer.h"

namespace bridge {
namespace {

constexpr std::int64_t kLifetimeMaxS = 10LL * 366 * 24 * 3600;

// 90d, 12h, 30m, 45s; "never" is 0.
Result<std::int64_t> parse_lifetime(const std::string& text) {
  if (text == "never") return std::int64_t{0};
  std::int64_t count = 0;
  const char* const end = text.data() + text.size();
  const auto read = std::from_chars(text.data(), end, count);
  const std::int64_t unit = read.ptr + 1 != end    ? 0
                            : *read.ptr == 'd' ? 24 * 3600
                            : *read.ptr == 'h' ? 3600
                            : *read.ptr == 'm' ? 60
                            : *read.ptr == 's' ? 1
                                               : 0;
  if (read.ec != std::errc{} || unit == 0 || count < 1 || count > kLifetimeMaxS / unit) {
    return Failure{"--expires is \"" + printable(text) + "\"; must be never, or like 90d, 12h, 30m or 45s, at most 3660d"};
  }
  return count * unit;
}

// Of a line of the file, as Credentials::parse has taken it.
std::string field(const std::string& line, int number) {
  std::size_t from = 0;
  for (; number > 0; --number) from = line.find('\t', from) + 1;
  return line.substr(from, line.find('\t', from) - from);
}

// The bridge itself notes no more than that the file has changed.
void tell_audit(const CredentialsPath& audit, const char* what, const std::string& name, const std::string& id,
                const std::string& role) {
  const auto file = audit();
  if (file && file.value().empty()) return;
  AuditEntry entry;
  entry.what = what;
  entry.name = name;
  entry.credential = id;
  entry.client = "uid " + std::to_string(::getuid());
  entry.target = role;
  entry.outcome = "success";
  const std::string line = audit_line(entry, SystemClock().wall_us());
  const std::string why = file ? append_audit_line(file.value(), line) : file.error().message;
  if (!why.empty()) std::cerr << "ppo-bridge: this is not in the audit log: " << (file ? file.value() + ": " : "") << why << "\n";
}

std::string padded(std::string text, std::size_t size) {
  text.resize(std::max(text.size() + 1, size), ' ');
  return text;
}

}  // namespace

Result<Roles> RolesFile::load() const {
  if (!file.empty()) return Roles::load(file);
  const auto path = configured();
  if (!path) return path.error();
  if (path.value().empty()) return Roles();
  return Roles::load(path.value());
}

int fail_command(int code, const std::string& message) {
  std::cerr << "ppo-bridge: " << message << "\n";
  return code;
}

Result<Credential> new_credential(const CredentialRequest& request, const RolesFile& roles) {
  Credential credential;
  credential.name = request.name;
  if (!is_name(request.name)) {
    return Failure{"NAME is \"" + printable(request.name) + "\"; must be 1-64 characters of A-Z a-z 0-9 _ . : -"};
  }
  credential.role = request.role;
  if (Roles().find(request.role) == nullptr) {
    const auto known = roles.load();
    if (!known) {
      return Failure{"--role is \"" + printable(request.role) + "\", and the file of roles cannot be read: " + known.error().message};
    }
    if (known.value().find(request.role) == nullptr) {
      return Failure{"--role is \"" + printable(request.role) + "\"; must be one of " + known.value().names()};
    }
  }
  const auto lifetime = parse_lifetime(request.expires);
  if (!lifetime) return lifetime.error();
  const std::string& note = request.note;
  const bool plain = std::none_of(note.begin(), note.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; });
  if (note.size() > kCredentialNoteBytesMax || !plain || !is_utf8(note)) {
    return Failure{"--note must be at most 128 bytes of UTF-8 without control characters"};
  }
  credential.created_s = std::time(nullptr);
  credential.expires_s = lifetime.value() == 0 ? 0 : credential.created_s + lifetime.value();
  credential.note = note;
  return credential;
}

Result<bool> add_credential(const std::string& path, const Credential& credential, const CredentialsPath& audit) {
  auto added = edit_credentials(path, [&](CredentialLines lines) -> Result<CredentialLines> {
    lines.push_back(credential_line(credential));
    return lines;
  });
  if (added) {
    tell_audit(audit, credential.is_key() ? "key_created" : "token_created", credential.name, credential.id,
               credential.role);
  }
  return added;
}

std::string lifetime_text(const Credential& credential) {
  return credential.expires_s == 0 ? "for ever" : "until " + utc_text(credential.expires_s);
}

CredentialCommands::CredentialCommands(CLI::App& cli, CredentialKind kind, const char* about, CredentialFiles files,
                                       const char* expires)
    : command_(cli.add_subcommand(kind == CredentialKind::key ? "curve" : "token", about)),
      request_{"", "", expires, ""},
      kind_(kind),
      default_path_(std::move(files.credentials)),
      roles_{"", std::move(files.roles)},
      audit_(std::move(files.audit)) {
  command_->require_subcommand(1);
  command_->add_option("--roles", roles_.file, "The file of roles of your own (default: auth.roles of the configuration)");
  command_->add_option("--credentials", file_, "The file of credentials (default: auth.credentials of the configuration)");
}

void CredentialCommands::add_request(CLI::App* command, const char* whose, bool required) {
  command->add_option("NAME", request_.name, whose)->required(required);
  command->add_option("--role", request_.role, "What it may do: " + Roles().names() + ", or one of auth.roles")->required(required);
  command->add_option("--expires", request_.expires, "For how long it is good: never, or like 90d, 12h, 30m, 45s")->capture_default_str();
  command->add_option("--note", request_.note, "What it is for, at most 128 bytes");
}

void CredentialCommands::add_list_and_revoke(const char* list_about, const char* revoke_about) {
  list_ = command_->add_subcommand("list", list_about);
  list_->add_flag("--json", json_, "As one JSON object");
  CLI::App* const revoke = command_->add_subcommand("revoke", revoke_about);
  auto* const id = revoke->add_option("ID", id_, "Its id, as `" + command_->get_name() + " list` shows it");
  revoke->add_option("--all", all_of_, "All of this NAME's")->excludes(id);
}

Result<std::string> CredentialCommands::credentials() const {
  if (!file_.empty()) return file_;
  return default_path_();
}

int CredentialCommands::list_or_revoke() const {
  const auto file = credentials();
  if (!file) return fail_command(2, file.error().message);
  return list_->parsed() ? list(file.value()) : revoke(file.value());
}

int CredentialCommands::list(const std::string& path) const {
  const auto credentials = Credentials::load(path);
  if (!credentials) return fail_command(1, credentials.error().message);
  const bool keys = kind_ == CredentialKind::key;
  const std::int64_t now_s = std::time(nullptr);
  const auto known = roles_.load();
  if (!known) std::cerr << "ppo-bridge: the file of roles cannot be read: " << known.error().message << "\n";
  const auto state = [now_s, &known](const Credential& c) {
    if (known && known.value().find(c.role) == nullptr) return "no role";
    return c.expires_s != 0 && now_s >= c.expires_s ? "expired" : "good";
  };
  JsonWriter json;
  json.object().key("credentials").list();
  std::string table = "ID        NAME             ROLE      STATE    EXPIRES               ";
  table += keys ? padded("PUBLIC KEY", 41) + "NOTE\n" : "NOTE\n";
  for (const Credential& c : credentials.value().all()) {
    if (c.is_key() != keys) continue;
    json.object().field("id", c.id).field("name", c.name).field("role", c.role).field("state", state(c));
    json.field("created", utc_text(c.created_s)).key("expires");
    json.text_or_null(c.expires_s == 0 ? "" : utc_text(c.expires_s));
    if (keys) json.field("public_key", c.public_key);
    json.field("note", c.note).end_object();
    table += padded(c.id, 10) + padded(c.name, 17) + padded(c.role, 10) + padded(state(c), 9);
    table += padded(c.expires_s == 0 ? "never" : utc_text(c.expires_s), 22);
    table += (keys ? padded(c.public_key, 41) : "") + c.note + "\n";
  }
  std::cout << (json_ ? json.end_list().end_object().take() + "\n" : table) << std::flush;
  return std::cout ? 0 : 1;
}

int CredentialCommands::revoke(const std::string& path) const {
  const bool keys = kind_ == CredentialKind::key;
  const std::string type = keys ? "curve" : "token";
  const std::string noun = keys ? "key" : "token";
  if (id_.empty() && all_of_.empty()) return fail_command(2, type + " revoke: give an ID, or --all NAME");
  CredentialLines gone;
  std::size_t others = 0;
  const auto edited = edit_credentials(path, [&](CredentialLines lines) -> Result<CredentialLines> {
    const auto kept = std::stable_partition(lines.begin(), lines.end(), [&](const std::string& line) {
      if (line.empty() || line.front() == '#') return true;
      if (id_.empty() ? field(line, 1) != all_of_ : field(line, 3) != id_) return true;
      if (field(line, 0) == type) return false;
      ++others;
      return true;
    });
    gone.assign(kept, lines.end());
    lines.erase(kept, lines.end());
    if (!gone.empty()) return lines;
    return Failure{id_.empty() ? "nobody called " + printable(all_of_) + " has a " + noun
                               : "no " + noun + " has the id " + printable(id_)};
  });
  if (!edited) return fail_command(1, edited.error().message);
  const char* const what = keys ? "key_revoked" : "token_revoked";
  for (const std::string& line : gone) tell_audit(audit_, what, field(line, 1), field(line, 3), field(line, 2));
  std::cerr << "ppo-bridge: revoked " << gone.size() << " " << noun << (gone.size() == 1 ? "\n" : "s\n");
  if (others != 0) {
    std::cerr << "ppo-bridge: " << all_of_ << " still has others; to take those away: ppo-bridge " << (keys ? "token" : "curve")
              << " revoke --all " << all_of_ << "\n";
  }
  return 0;
}

}  // namespace bridge
