// What the audit log says, a line a deed, and how what comes again and again becomes "and n more".
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace bridge {

struct Access;

// Who did what, from where, and what became of it. An empty text is told as null.
struct AuditEntry {
  const char* what = "";  // login, refused, command, source_refused, token_created, token_revoked, reload, lost
  std::string name;       // of the identity
  std::string credential;  // its id
  std::string remote;      // address:port
  std::string client;      // what the client calls itself
  std::string command;
  std::string target;
  std::string outcome;

  // By this identity; null: by somebody who has not said who he is.
  void by(const Access* access);
};

// {"t":..,"what":..,...} and a line break. `more` is left out where it is 0. Of each text 256 bytes are told; control
// characters, those that change the direction of text and those that cannot be seen stand as \uXXXX, and a token, wherever
// somebody has put one, as "(token)". Longer than 12 KiB it never is.
std::string audit_line(const AuditEntry& entry, std::int64_t wall_us, std::uint64_t more = 0);

// Whether a command only asks.
bool is_question(std::string_view command);

// Of the same kind, from the same address (IPv6: /64), at most one line a second, and behind it how many more there were.
// A command that did something always has its own line. One thread at a time.
class AuditCollapse {
 public:
  static constexpr std::size_t kKindsMax = 256;  // in a second; others are counted together

  // The line to write now; "": it is counted.
  std::string take(const AuditEntry& entry, std::int64_t wall_us, std::int64_t steady_us);
  // The lines with what was counted until a second ago and before; `all`: until now. Call about once a second.
  std::string tick(std::int64_t wall_us, std::int64_t steady_us, bool all = false);

 private:
  struct Kind {
    AuditEntry first;
    std::int64_t since_us = 0;
    std::uint64_t more = 0;
  };
  std::map<std::string, Kind> kinds_;
  Kind others_;
};

}  // namespace bridge
