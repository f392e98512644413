#include "program.h"

#include <algorithm>
#include <exception>
#include <fstream>
#include <string_view>
#include <system_error>
#include <utility>

#include "names.h"

namespace ppo {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kArgumentsMax = 64;
constexpr std::size_t kArgumentBytesMax = 256;
constexpr std::size_t kFileBytesMax = 4096;
constexpr std::size_t kRefsBytesMax = 4 << 20;

std::string trimmed(std::string_view text) {
  constexpr std::string_view kSpaces = " \t\r\n";
  const std::size_t first = text.find_first_not_of(kSpaces);
  if (first == std::string_view::npos) return {};
  return std::string(text.substr(first, text.find_last_not_of(kSpaces) - first + 1));
}

// The beginning; empty where it cannot be read.
std::string content(const fs::path& path, std::size_t bytes_max) {
  std::ifstream file(path, std::ios::binary);
  std::string text(bytes_max, '\0');
  file.read(text.data(), static_cast<std::streamsize>(bytes_max));
  text.resize(static_cast<std::size_t>(std::max<std::streamsize>(file.gcount(), 0)));
  return text;
}

// Of a plain file: what else lies there might never end.
std::string text_of(const fs::path& path, std::size_t bytes_max = kFileBytesMax) {
  std::error_code error;
  return fs::is_regular_file(path, error) ? trimmed(content(path, bytes_max)) : std::string();
}

bool is_commit(std::string_view text) {
  return text.size() >= 40 && text.size() <= 64 &&
         text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

// Whether a flag of this name is followed by what nobody else is to see.
bool is_secret(const std::string& name) {
  constexpr std::string_view kLast[] = {
      "password",   "passwd",      "secret",     "api_key",    "apikey",       "access_token", "accesstoken", "api_token",
      "apitoken",   "auth_token",  "authtoken",  "bearer_token", "bearertoken", "github_token", "githubtoken", "hf_token",
      "hftoken",    "wandb_token", "wandbtoken"};
  std::string plain;
  for (const char c : name) plain += c == '-' ? '_' : c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  for (const std::string_view last : kLast) {
    if (plain.size() < last.size()) continue;
    const std::size_t at = plain.size() - last.size();
    if (plain.compare(at, last.size(), last) == 0 && (at == 0 || plain[at - 1] == '_')) return true;
  }
  return plain.substr(std::min(plain.find_first_not_of('_'), plain.size())) == "token";
}

// Of packed-refs, whose lines are `COMMIT REF`.
std::string packed_commit(const std::string& refs, const std::string& ref) {
  const std::size_t at = refs.find(' ' + ref + '\n');
  if (at == std::string::npos) return {};
  const std::size_t line = refs.rfind('\n', at);
  const std::size_t begin = line == std::string::npos ? 0 : line + 1;
  return refs.substr(begin, at - begin);
}

Object read_checkout(const fs::path& git) {
  constexpr std::string_view kRef = "ref:";
  constexpr std::string_view kBranches = "refs/heads/";
  Object found;
  std::string commit = text_of(git / "HEAD");
  if (commit.compare(0, kRef.size(), kRef) == 0) {
    const std::string ref = trimmed(std::string_view(commit).substr(kRef.size()));
    const fs::path common = git / text_of(git / "commondir");  // of a further work tree
    commit = text_of(git / ref);
    if (commit.empty()) commit = text_of(common / ref);
    if (commit.empty()) {
      commit = packed_commit(text_of(common / "packed-refs", kRefsBytesMax) + '\n', ref);
    }
    const bool branch = ref.compare(0, kBranches.size(), kBranches) == 0;
    const std::string name = branch ? ref.substr(kBranches.size()) : ref;
    found.add("git_branch", name.substr(0, kArgumentBytesMax));
  }
  if (is_commit(commit)) found.add("git_commit", commit);
  return found;
}

}  // namespace

Object checkout_around(const fs::path& folder) {
  std::error_code error;
  for (fs::path at = folder; !at.empty(); at = at.parent_path()) {
    fs::path git = at / ".git";
    const std::string elsewhere = text_of(git);  // of a further work tree, or a submodule
    constexpr std::string_view kFolder = "gitdir:";
    if (elsewhere.compare(0, kFolder.size(), kFolder) == 0) {
      git = at / trimmed(std::string_view(elsewhere).substr(kFolder.size()));
    }
    if (fs::is_directory(git, error)) return read_checkout(git);
    if (at == at.parent_path()) break;
  }
  return {};
}

std::vector<std::string> arguments_shown(std::vector<std::string> arguments) {
  bool secret = false;
  for (std::string& argument : arguments) {
    argument.resize(std::min(argument.size(), kArgumentBytesMax));
    const std::size_t equals = argument.find('=');
    const bool named = !argument.empty() && argument.front() == '-';
    if (secret && !named) argument = "***";
    secret = named && is_secret(argument.substr(0, equals));
    if (secret && equals != std::string::npos) {
      argument.replace(equals + 1, std::string::npos, "***");
      secret = false;
    }
  }
  return arguments;
}

std::string without_secrets(const std::string& json) {
  const auto end_of_string = [&](std::size_t at) {
    do {
      at += json[at] == '\\' ? 2 : 1;
    } while (json[at] != '"');
    return at + 1;
  };
  const auto end_of_value = [&](std::size_t at) {
    for (int depth = 0; depth > 0 || (json[at] != ',' && json[at] != '}');) {
      const char c = json[at];
      depth += (c == '{' || c == '[') - (c == '}' || c == ']');
      at = c == '"' ? end_of_string(at) : at + 1;
    }
    return at;
  };
  std::string shown;
  for (std::size_t at = 0; at < json.size();) {
    if (json[at] != '"') {
      shown += json[at++];
      continue;
    }
    const std::size_t end = end_of_string(at);
    shown.append(json, at, end - at);
    const std::string name = json.substr(at + 1, end - at - 2);
    at = end;
    if (json[at] != ':' || std::string_view("ntf").find(json[at + 1]) != std::string_view::npos || !is_secret(name)) continue;
    shown += ":\"***\"";
    at = end_of_value(at + 1);
  }
  return shown;
}

Object about_program() {
  Object about{{"name", program_name()}, {"host", host_name()}};
  try {
    // The kernel ends each argument with a zero.
    const std::string all = content("/proc/self/cmdline", 16 * kArgumentsMax * kArgumentBytesMax);
    std::vector<std::string> arguments;
    for (std::size_t at = 0; at < all.size() && arguments.size() < kArgumentsMax;) {
      const std::size_t end = std::min(all.find('\0', at), all.size());
      arguments.push_back(all.substr(at, end - at));
      at = end + 1;
    }
    about.add("argv", arguments_shown(std::move(arguments)));
    const fs::path program = fs::read_symlink("/proc/self/exe");
    const Object checkout = checkout_around(program.parent_path());
    for (const Field& field : checkout.fields()) about.add(field.name, field.value);
  } catch (const std::exception&) {
    // The run begins with what is known of it.
  }
  return about;
}

}  // namespace ppo
