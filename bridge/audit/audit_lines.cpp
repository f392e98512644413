#include "audit/audit_lines.h"

#include <cstdio>
#include <cstring>

#include "access/access.h"
#include "base/address.h"
#include "base/text.h"
#include "base/without_tokens.h"

namespace bridge {
namespace {

constexpr std::int64_t kSecondUs = 1'000'000;
constexpr std::size_t kAuditTextBytesMax = 256;

// Deletes and C1, marks of direction (Unicode TR 9), zero width, line and paragraph separators, byte order mark.
bool is_hidden(unsigned c) {
  return (c >= 0x7f && c <= 0x9f) || c == 0xad || c == 0x61c || (c >= 0x200b && c <= 0x200f) || (c >= 0x2028 && c <= 0x202e) ||
         (c >= 0x2060 && c <= 0x206f) || c == 0xfeff;
}

// Appends well-formed UTF-8 as a JSON string in which nothing is hidden.
void append_seen(std::string& out, std::string_view s) {
  std::string json;
  append_json_string(json, s);
  for (std::size_t i = 0; i < json.size();) {
    const auto byte = [&](std::size_t n) { return static_cast<unsigned char>(json[i + n]); };
    const std::size_t size = byte(0) < 0x80 ? 1 : byte(0) < 0xe0 ? 2 : byte(0) < 0xf0 ? 3 : 4;
    const unsigned c = size == 1   ? byte(0)
                       : size == 2 ? (byte(0) & 0x1fu) << 6 | (byte(1) & 0x3fu)
                       : size == 3 ? (byte(0) & 0x0fu) << 12 | (byte(1) & 0x3fu) << 6 | (byte(2) & 0x3fu)
                                   : 0;  // none of these is beyond U+FFFF
    if (is_hidden(c)) {
      char escape[8];
      std::snprintf(escape, sizeof escape, "\\u%04x", c);
      out += escape;
    } else {
      out.append(json, i, size);
    }
    i += size;
  }
}

void add(std::string& out, const char* name, std::string_view text) {
  out += std::string(",\"") + name + "\":";
  if (text.empty()) {
    out += "null";
    return;
  }
  const bool cut = text.size() > kAuditTextBytesMax;
  if (is_utf8(text)) {
    append_seen(out, without_tokens(utf8_prefix(text, kAuditTextBytesMax)) + (cut ? "..." : ""));
  } else {
    append_seen(out, without_tokens(printable(text, kAuditTextBytesMax)));
  }
}

// Refusals of a kind say little each, and whoever is refused may choose all that is in them.
bool is_refusal(const AuditEntry& entry) {
  for (const char* what : {"refused", "source_refused"}) {
    if (std::strcmp(entry.what, what) == 0) return true;
  }
  for (const char* outcome : {"forbidden", "unauthorized", "bad_request", "bad_json", "unknown_command", "rate_limited", "busy"}) {
    if (entry.outcome == outcome) return true;
  }
  return false;
}

bool has_line_of_its_own(const AuditEntry& entry) {
  for (const char* what : {"login", "refused", "source_refused"}) {
    if (std::strcmp(entry.what, what) == 0) return false;
  }
  return !is_refusal(entry) && !is_question(entry.command) && entry.outcome != "unknown_target";
}

std::string kind_of(const AuditEntry& entry) {
  std::string kind = std::string(entry.what) + '\n' + entry.credential + '\n' + peer_of(entry.remote);
  if (!is_refusal(entry)) kind += '\n' + entry.command + '\n' + entry.outcome;
  return kind;
}

}  // namespace

void AuditEntry::by(const Access* access) {
  if (access == nullptr) return;
  name = access->name;
  credential = access->credential;
}

bool is_question(std::string_view command) {
  return command.substr(0, 4) == "get_" || command.substr(0, 5) == "list_" || command == "replay" || command == "replay_stop";
}

std::string audit_line(const AuditEntry& entry, std::int64_t wall_us, std::uint64_t more) {
  std::string line = "{\"t\":";
  append_seconds(line, wall_us < 0 ? 0 : wall_us);
  add(line, "what", entry.what);
  add(line, "name", entry.name);
  add(line, "credential", entry.credential);
  add(line, "remote", entry.remote);
  add(line, "client", entry.client);
  add(line, "command", entry.command);
  add(line, "target", entry.target);
  add(line, "outcome", entry.outcome);
  if (more != 0) line += ",\"more\":" + std::to_string(more);
  return line + "}\n";
}

std::string AuditCollapse::take(const AuditEntry& entry, std::int64_t wall_us, std::int64_t steady_us) {
  if (has_line_of_its_own(entry)) return audit_line(entry, wall_us);
  const std::string key = kind_of(entry);
  const auto known = kinds_.find(key);
  if (known != kinds_.end()) {
    ++known->second.more;
    return {};
  }
  if (kinds_.size() >= kKindsMax) {
    if (others_.more++ == 0) {
      others_.first.what = entry.what;
      others_.first.outcome = "of many";
      others_.since_us = steady_us;
    }
    return {};
  }
  kinds_.emplace(key, Kind{entry, steady_us, 0});
  return audit_line(entry, wall_us);
}

std::string AuditCollapse::tick(std::int64_t wall_us, std::int64_t steady_us, bool all) {
  std::string lines;
  for (auto it = kinds_.begin(); it != kinds_.end();) {
    Kind& kind = it->second;
    if (!all && steady_us - kind.since_us < kSecondUs) {
      ++it;
    } else if (kind.more == 0) {
      it = kinds_.erase(it);
    } else {
      lines += audit_line(kind.first, wall_us, kind.more);
      kind.more = 0;
      kind.since_us = steady_us;
      ++it;
    }
  }
  if (others_.more != 0 && (all || steady_us - others_.since_us >= kSecondUs)) {
    lines += audit_line(others_.first, wall_us, others_.more);
    others_ = {};
  }
  return lines;
}

}  // namespace bridge
