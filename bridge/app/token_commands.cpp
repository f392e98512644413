#include "app/token_commands.h"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <ctime>
#include <iostream>
#include <optional>
#include <utility>
#include <vector>

#include "access/credentials.h"
#include "base/text.h"
#include "event/json_writer.h"

namespace bridge {
namespace {

constexpr std::int64_t kLifetimeMaxS = 10LL * 366 * 24 * 3600;

int fail(int code, const std::string& message) {
  std::cerr << "ppo-bridge: " << message << "\n";
  return code;
}

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

std::string padded(std::string text, std::size_t size) {
  text.resize(std::max(text.size() + 1, size), ' ');
  return text;
}

}  // namespace

TokenCommands::TokenCommands(CLI::App& cli, CredentialsPath path) : default_path_(std::move(path)) {
  token_ = cli.add_subcommand("token", "Make, list and revoke the tokens by which clients say who they are");
  token_->require_subcommand(1);
  token_->add_option("--credentials", file_, "The file of credentials (default: auth.credentials of the configuration)");
  create_ = token_->add_subcommand("create", "Make a token and print it, once, on stdout");
  create_->add_option("NAME", name_, "Whose it is: 1-64 characters of A-Z a-z 0-9 _ . : -")->required();
  create_->add_option("--role", role_, "What it may do: " + role_names())->required();
  create_->add_option("--expires", expires_, "For how long it is good: 90d, 12h, 30m, 45s or never")->capture_default_str();
  create_->add_option("--note", note_, "What it is for, at most 128 bytes");
  list_ = token_->add_subcommand("list", "List the credentials, without the tokens, which nobody has");
  list_->add_flag("--json", json_, "As one JSON object");
  revoke_ = token_->add_subcommand("revoke", "Take a token away; its connections are closed within a second");
  auto* const id = revoke_->add_option("ID", id_, "Its id, as `token list` shows it");
  revoke_->add_option("--all", all_of_, "All of this NAME's")->excludes(id);
}

Result<std::string> TokenCommands::path() const {
  if (!file_.empty()) return file_;
  return default_path_();
}

int TokenCommands::run() {
  if (create_->parsed()) return create();
  if (list_->parsed()) return list();
  return revoke();
}

int TokenCommands::create() {
  Credential credential;
  credential.name = name_;
  if (!is_name(name_)) {
    return fail(2, "NAME is \"" + printable(name_) + "\"; must be 1-64 characters of A-Z a-z 0-9 _ . : -");
  }
  credential.role = find_role(role_);
  if (credential.role == nullptr) {
    return fail(2, "--role is \"" + printable(role_) + "\"; must be one of " + role_names());
  }
  const auto lifetime = parse_lifetime(expires_);
  if (!lifetime) return fail(2, lifetime.error().message);
  const bool plain = std::none_of(note_.begin(), note_.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; });
  if (note_.size() > kCredentialNoteBytesMax || !plain || !is_utf8(note_)) {
    return fail(2, "--note must be at most 128 bytes of UTF-8 without control characters");
  }
  const auto file = path();
  if (!file) return fail(2, file.error().message);
  const NewToken token = make_token();
  credential.id = token.id;
  credential.sha256 = token.sha256;
  credential.created_s = std::time(nullptr);
  credential.expires_s = lifetime.value() == 0 ? 0 : credential.created_s + lifetime.value();
  credential.note = note_;
  const auto edited = edit_credentials(file.value(), [&](CredentialLines lines) -> Result<CredentialLines> {
    lines.push_back(credential_line(credential));
    return lines;
  });
  if (!edited) return fail(1, edited.error().message);
  std::cout << token.text << std::endl;
  std::cerr << "ppo-bridge: " << name_ << " is " << role_ << " by this token, id " << token.id << ", "
            << (credential.expires_s == 0 ? "for ever" : "until " + utc_text(credential.expires_s))
            << "; it is shown here only\n";
  return std::cout ? 0 : 1;
}

int TokenCommands::list() {
  const auto file = path();
  if (!file) return fail(2, file.error().message);
  const auto credentials = Credentials::load(file.value());
  if (!credentials) return fail(1, credentials.error().message);
  const std::int64_t now_s = std::time(nullptr);
  const auto state = [now_s](const Credential& c) {
    return c.expires_s != 0 && now_s >= c.expires_s ? "expired" : "good";
  };
  if (json_) {
    JsonWriter json;
    json.object().key("credentials").list();
    for (const Credential& c : credentials.value().all()) {
      json.object().field("id", c.id).field("name", c.name).field("role", c.role->name).field("state", state(c));
      json.field("created", utc_text(c.created_s)).key("expires");
      c.expires_s == 0 ? json.raw("null") : json.add(utc_text(c.expires_s));
      json.field("note", c.note).end_object();
    }
    std::cout << json.end_list().end_object().take() << std::endl;
    return std::cout ? 0 : 1;
  }
  std::cout << "ID        NAME             ROLE      STATE    EXPIRES               NOTE\n";
  for (const Credential& c : credentials.value().all()) {
    std::cout << padded(c.id, 10) << padded(c.name, 17) << padded(std::string(c.role->name), 10) << padded(state(c), 9)
              << padded(c.expires_s == 0 ? "never" : utc_text(c.expires_s), 22) << c.note << "\n";
  }
  std::cout.flush();
  return std::cout ? 0 : 1;
}

int TokenCommands::revoke() {
  if (id_.empty() && all_of_.empty()) return fail(2, "token revoke: give an ID, or --all NAME");
  const auto file = path();
  if (!file) return fail(2, file.error().message);
  std::size_t gone = 0;
  const auto edited = edit_credentials(file.value(), [&](CredentialLines lines) -> Result<CredentialLines> {
    const auto kept = std::remove_if(lines.begin(), lines.end(), [&](const std::string& line) {
      if (line.empty() || line.front() == '#') return false;
      return id_.empty() ? field(line, 1) == all_of_ : field(line, 3) == id_;
    });
    gone = static_cast<std::size_t>(lines.end() - kept);
    lines.erase(kept, lines.end());
    if (gone == 0) {
      return Failure{id_.empty() ? "nobody is called " + printable(all_of_) : "no credential has the id " + printable(id_)};
    }
    return lines;
  });
  if (!edited) return fail(1, edited.error().message);
  std::cerr << "ppo-bridge: revoked " << gone << (gone == 1 ? " token\n" : " tokens\n");
  return 0;
}

}  // namespace bridge
