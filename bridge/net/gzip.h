// Content-Encoding: gzip (RFC 9110, 8.4.1.3; RFC 1952), in and out.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

struct z_stream_s;

namespace bridge {

enum class Unzipped {
  whole,
  more,       // go on
  too_large,  // than the limit
  not_gzip,   // or only the beginning of it
};

// Inflates a body, of one member or several, a part at a time; what it becomes stays within `bytes_max`, memory
// included, whatever it would become.
class Gunzip {
 public:
  // `body` must outlive it.
  Gunzip(std::string_view body, std::size_t bytes_max);
  ~Gunzip();

  // Some 50 us of it.
  [[nodiscard]] Unzipped step();
  const std::string& out() const { return out_; }
  std::string take() { return std::move(out_); }

 private:
  struct End {
    void operator()(z_stream_s* stream) const;
  };
  const std::size_t bytes_max_;
  std::unique_ptr<z_stream_s, End> stream_;  // null: no memory
  std::string out_;
};

// Whether an Accept-Encoding field takes gzip: it names it, or `*`, and not with q=0.
bool accepts_gzip(std::string_view accept_encoding);

// Compresses a body a part at a time, so that a large one takes no long turn.
class Gzip {
 public:
  static constexpr std::size_t kStepBytes = 32 * 1024;  // some 0.5 ms
  static constexpr std::size_t kWorthBytes = 1024;      // below, it goes in one packet anyway

  // `level`: 1 is the quickest, 9 the smallest.
  explicit Gzip(int level = 1);
  ~Gzip();

  // Takes some more of the body, at most kStepBytes. False where there is no memory.
  [[nodiscard]] bool add(std::string_view part, bool last);
  // REQUIRES: the last part was added.
  std::string take() { return std::move(out_); }

 private:
  struct End {
    void operator()(z_stream_s* stream) const;
  };
  std::unique_ptr<z_stream_s, End> stream_;
  std::string out_;
};

}  // namespace bridge
