// The files of the audit log: FILE, and FILE.1, FILE.2, ... with what is older, all 0600.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/file.h"
#include "base/result.h"

namespace bridge {

struct AuditFileOptions {
  std::string path;
  std::int64_t bytes_max = 10 << 20;  // of each file
  std::int64_t files_max = 10;        // with the newest
};

// One thread.
class AuditFile {
 public:
  explicit AuditFile(AuditFileOptions options) : options_(std::move(options)) {}

  // Makes it where it is not there. A failure names it and why.
  Result<bool> open();

  // Appends whole lines; a file that would grow past bytes_max is put away first. Returns how many are lost, because the
  // disk is full, say; problem() tells why.
  std::uint64_t append(std::string_view lines);
  const std::string& problem() const { return problem_; }  // "" where the last append() wrote all

  // Lines, the newest first, and from where to go on; "": there are no older ones. Looks at no more than 256 KiB, so there
  // may be fewer than `count`, or none. `before`: from where, as an earlier page told; "": from the end.
  struct Page {
    std::vector<std::string> lines;
    std::string before;
  };
  Page read(const std::string& before, std::size_t count) const;

 private:
  std::string name(std::int64_t number) const;
  bool write(std::string_view lines, std::uint64_t* lost);
  bool rotate();
  bool fail(const std::string& what);

  const AuditFileOptions options_;
  Descriptor file_;
  std::string problem_;
  bool torn_ = false;  // the last line may be half there
};

// Appends one line from another program, the command line's. "" or why it could not.
std::string append_audit_line(const std::string& path, std::string_view line);

}  // namespace bridge
