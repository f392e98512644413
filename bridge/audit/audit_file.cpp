#include "audit/audit_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>

namespace bridge {
namespace {

constexpr std::size_t kPageBytesMax = 256 * 1024;

// Never waits for somebody who reads a pipe. The failure is the reason alone.
Result<Descriptor> open_audit(const std::string& path) {
  Descriptor file(::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0600));
  struct stat about {};
  if (!file) return Failure{std::strerror(errno)};
  // Whatever it was before, nobody else reads it from now on.
  const bool others = ::fstat(file.get(), &about) == 0 && S_ISREG(about.st_mode) && (about.st_mode & 0777) != 0600;
  if (others && ::fchmod(file.get(), 0600) != 0) return Failure{std::strerror(errno)};
  return file;
}

// INODE:OFFSET; the inode stays with a file that is put away.
bool parse_place(const std::string& text, std::uint64_t* inode, std::uint64_t* offset) {
  const char* const end = text.data() + text.size();
  const auto first = std::from_chars(text.data(), end, *inode);
  if (first.ec != std::errc{} || first.ptr == end || *first.ptr != ':') return false;
  const auto second = std::from_chars(first.ptr + 1, end, *offset);
  return second.ec == std::errc{} && second.ptr == end;
}

}  // namespace

std::string AuditFile::name(std::int64_t number) const {
  return number == 0 ? options_.path : options_.path + "." + std::to_string(number);
}

bool AuditFile::fail(const std::string& what) {
  problem_ = what + ": " + std::strerror(errno);
  return false;
}

Result<bool> AuditFile::open() {
  auto opened = open_audit(options_.path);
  file_ = opened ? std::move(opened.value()) : Descriptor();
  if (!opened) return Failure{"audit.file is " + options_.path + ": " + opened.error().message};
  return true;
}

bool AuditFile::rotate() {
  ::unlink(name(options_.files_max - 1).c_str());
  for (std::int64_t n = options_.files_max - 1; n > 0; --n) {
    if (::rename(name(n - 1).c_str(), name(n).c_str()) != 0 && errno != ENOENT) return fail("cannot put it away");
  }
  const auto opened = open();
  if (!opened) problem_ = opened.error().message;
  return opened.ok();
}

bool AuditFile::write(std::string_view lines, std::uint64_t* lost) {
  const std::size_t before = torn_ ? 1 : 0;  // the line break that ends what is half there
  const std::string text = std::string(before, '\n') + std::string(lines);
  std::size_t done = 0;
  while (done < text.size()) {
    const ::ssize_t n = ::write(file_.get(), text.data() + done, text.size() - done);
    if (n > 0) {
      done += static_cast<std::size_t>(n);
    } else if (n == 0 || errno != EINTR) {
      fail("cannot be written");
      break;
    }
  }
  // Of a line of which a part is there, the rest is not written later: the next begins on a new line.
  if (done != 0) torn_ = text[done - 1] != '\n';
  *lost += static_cast<std::uint64_t>(std::count(text.begin() + static_cast<std::ptrdiff_t>(std::max(done, before)), text.end(), '\n'));
  return done == text.size();
}

std::uint64_t AuditFile::append(std::string_view lines) {
  problem_.clear();
  std::uint64_t lost = 0;
  // Another program may have appended to it, or put it elsewhere.
  struct stat about {};
  struct stat at_path {};
  bool usable = file_ && ::fstat(file_.get(), &about) == 0;
  if (!usable || ::stat(options_.path.c_str(), &at_path) != 0 || at_path.st_ino != about.st_ino || at_path.st_dev != about.st_dev) {
    const auto opened = open();
    if (!opened) problem_ = opened.error().message;
    usable = opened.ok() && ::fstat(file_.get(), &about) == 0;
  }
  const bool grows = S_ISREG(about.st_mode);
  std::int64_t size = about.st_size;
  std::size_t from = 0;  // of what goes into this file
  for (std::size_t at = 0; usable && at < lines.size();) {
    const std::size_t next = lines.find('\n', at) + 1;
    if (grows && size != 0 && size + static_cast<std::int64_t>(next - at + torn_) > options_.bytes_max) {
      usable = write(lines.substr(from, at - from), &lost);
      from = at;
      if (usable) usable = rotate();
      size = 0;
    }
    size += static_cast<std::int64_t>(next - at);
    at = next;
  }
  const std::string_view rest = lines.substr(from);
  if (usable) {
    write(rest, &lost);
  } else {
    lost += static_cast<std::uint64_t>(std::count(rest.begin(), rest.end(), '\n'));
  }
  return lost;
}

AuditFile::Page AuditFile::read(const std::string& before, std::size_t count) const {
  Page page;
  std::uint64_t inode = 0;
  std::uint64_t offset = 0;
  bool found = before.empty();
  if (!found && !parse_place(before, &inode, &offset)) return page;
  std::size_t left = kPageBytesMax;
  for (std::int64_t n = 0; n < options_.files_max; ++n) {
    const Descriptor file(::open(name(n).c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    struct stat about {};
    const bool readable = file && ::fstat(file.get(), &about) == 0 && S_ISREG(about.st_mode);
    const auto size = static_cast<std::uint64_t>(readable ? about.st_size : 0);
    std::uint64_t end = size;
    if (readable && !found && about.st_ino == inode) {
      found = true;
      end = std::min(offset, size);
    } else if (!found) {
      end = 0;
    }
    std::string text(static_cast<std::size_t>(std::min<std::uint64_t>(end, left)), '\0');
    const std::uint64_t start = end - text.size();
    if (!text.empty()) {
      const ::ssize_t got = ::pread(file.get(), text.data(), text.size(), static_cast<::off_t>(start));
      text.resize(got < 0 ? 0 : static_cast<std::size_t>(got));
    }
    if (text.empty()) continue;
    left -= text.size();
    // Backwards, a line at a time. What stands before the first line break belongs to more than was read.
    std::size_t stop = text.size();
    while (stop != 0 && page.lines.size() < count) {
      const std::size_t line_break = stop < 2 ? std::string::npos : text.rfind('\n', stop - 2);
      if (line_break == std::string::npos && start != 0 && stop != text.size()) break;
      const std::size_t begin = line_break == std::string::npos ? 0 : line_break + 1;
      std::string line = text.substr(begin, stop - begin);
      if (!line.empty() && line.back() == '\n') {
        line.pop_back();
        page.lines.push_back(std::move(line));
      }
      stop = begin;
    }
    const std::uint64_t place = start + stop;
    bool older = place != 0;
    for (std::int64_t m = n + 1; !older && m < options_.files_max; ++m) older = ::access(name(m).c_str(), R_OK) == 0;
    page.before = older ? std::to_string(about.st_ino) + ":" + std::to_string(place) : "";
    if (page.lines.size() >= count || left == 0 || place != 0) break;
  }
  return page;
}

std::string append_audit_line(const std::string& path, std::string_view line) {
  const auto file = open_audit(path);
  if (!file) return file.error().message;
  const ::ssize_t n = ::write(file.value().get(), line.data(), line.size());
  return n == static_cast<::ssize_t>(line.size()) ? "" : n < 0 ? std::strerror(errno) : "no room";
}

}  // namespace bridge
