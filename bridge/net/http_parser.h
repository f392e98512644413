// Reads HTTP/1.1 requests (RFC 9112) a part at a time, and strictly: what two readers might take for two different
// requests is refused.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bridge {

inline constexpr std::size_t kHttpHeadBytesMax = 16 * 1024;  // request line and fields; trailers once more
inline constexpr std::size_t kHttpLineBytesMax = 8 * 1024;   // of these
inline constexpr std::size_t kHttpFieldsMax = 100;

struct HttpHead {
  std::string method;
  std::string target;  // as it was sent
  std::string path;    // of it, without the query
  std::string query;   // without the question mark
  std::string host;    // the target's where that names one, else the field's; may be empty
  int minor = 1;       // HTTP/1.MINOR
  std::vector<std::pair<std::string, std::string>> fields;  // names in lower case, in the order they came

  // The values of that field, joined with commas; "" where there is none. `name` in lower case.
  std::string field(std::string_view name) const;
  bool has(std::string_view name) const;
  // Whether the field, a list with commas, has this element in any case of letters. `element` in lower case.
  bool lists(std::string_view name, std::string_view element) const;
  // Wants the connection to go on behind the answer.
  bool keeps_alive() const;
};

// Why a request is none: WHERE is WHAT; must be ALLOWED.
struct HttpProblem {
  int status = 400;
  std::string where;
  std::string what;
  std::string allowed;
};

// One connection's, for one request after the other.
class HttpParser {
 public:
  enum class At { head, body, end, failed };

  explicit HttpParser(std::size_t body_bytes_max) : body_bytes_max_(body_bytes_max) {}

  // Takes bytes; stops behind the head, behind the request, or at what is wrong. Returns how many it took: all, where
  // it did not stop.
  std::size_t take(std::string_view bytes);

  At at() const { return at_; }
  // The head has been read; of the body, if there is one, some may have been.
  bool has_head() const { return at_ == At::body || at_ == At::end; }
  // Something of the request has come.
  bool has_begun() const { return at_ != At::head || head_bytes_ != 0; }
  const HttpProblem& problem() const { return problem_; }
  const HttpHead& head() const { return head_; }
  std::string& body() { return body_; }
  // Of the body, as far as it is known how much is still to come.
  std::uint64_t left() const { return left_; }

  // Begins the next request. REQUIRES: at() == At::end.
  void next() { *this = HttpParser(body_bytes_max_); }

 private:
  enum class Line { request, field, chunk, chunk_end, trailer, none };

  bool take_line(std::string_view& bytes);
  void on_line();
  void on_request_line();
  void split_target();
  void on_field();
  void on_head_end();
  void on_chunk();
  bool has_room_for(std::uint64_t bytes, const char* where);
  void fail(int status, std::string where, std::string what, std::string allowed);

  std::size_t body_bytes_max_;
  At at_ = At::head;
  Line expects_ = Line::request;
  std::string line_;
  std::size_t head_bytes_ = 0;
  bool passed_empty_ = false;  // the line that may stand before a request
  bool chunked_ = false;
  std::uint64_t left_ = 0;  // of the body, or of its present chunk
  HttpHead head_;
  std::string body_;
  HttpProblem problem_;
};

}  // namespace bridge
