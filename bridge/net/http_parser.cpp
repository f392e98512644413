#include "net/http_parser.h"

#include <algorithm>
#include <charconv>

#include "base/ascii.h"
#include "base/text.h"

namespace bridge {
namespace {

constexpr std::size_t kChunkLineBytesMax = 256;

bool is_token(std::string_view text) { return !text.empty() && std::all_of(text.begin(), text.end(), is_token_char); }

}  // namespace

std::string HttpHead::field(std::string_view name) const {
  std::string all;
  for (const auto& [key, value] : fields) {
    if (key == name) all.append(", ").append(value);
  }
  return all.substr(std::min<std::size_t>(2, all.size()));
}

bool HttpHead::has(std::string_view name) const {
  return std::any_of(fields.begin(), fields.end(), [name](const auto& field) { return field.first == name; });
}

bool HttpHead::lists(std::string_view name, std::string_view element) const {
  const std::string all = in_lower_case(field(name));
  for (std::string_view left = all; !left.empty();) {
    if (without_spaces(take_until(left, ',')) == element) return true;
  }
  return false;
}

bool HttpHead::keeps_alive() const {
  return minor == 0 ? lists("connection", "keep-alive") : !lists("connection", "close");
}

void HttpParser::fail(int status, std::string where, std::string what, std::string allowed) {
  at_ = At::failed;
  problem_ = {status, std::move(where), std::move(what), std::move(allowed)};
}

std::size_t HttpParser::take(std::string_view bytes) {
  const std::size_t size = bytes.size();
  const At before = at_;
  while (at_ == before && !bytes.empty() && (at_ == At::head || at_ == At::body)) {
    if (expects_ != Line::none) {
      if (take_line(bytes)) on_line();
      continue;
    }
    const auto some = static_cast<std::size_t>(std::min<std::uint64_t>(left_, bytes.size()));
    body_.append(bytes.substr(0, some));
    bytes.remove_prefix(some);
    left_ -= some;
    if (left_ != 0) break;
    if (chunked_) {
      expects_ = Line::chunk_end;
    } else {
      at_ = At::end;
    }
  }
  return size - bytes.size();
}

// False where the line is not whole yet, or too long.
bool HttpParser::take_line(std::string_view& bytes) {
  const bool of_head = expects_ == Line::request || expects_ == Line::field || expects_ == Line::trailer;
  const std::size_t end = bytes.find('\n');
  const std::string_view some = bytes.substr(0, end == std::string_view::npos ? bytes.size() : end + 1);
  bytes.remove_prefix(some.size());
  line_ += some;
  if (of_head) head_bytes_ += some.size();
  // What speaks another protocol, TLS maybe, need not send a line.
  if (expects_ == Line::request && line_[0] != '\r' && line_[0] != '\n' && !is_token(line_.substr(0, 1))) {
    fail(400, "the first byte", in_quotes(line_.substr(0, 1)), "the beginning of METHOD TARGET HTTP/1.1, without TLS");
    return false;
  }
  const std::size_t line_max = of_head ? kHttpLineBytesMax : kChunkLineBytesMax;
  if (line_.size() > line_max) {
    const bool target = expects_ == Line::request;
    fail(target ? 414 : of_head ? 431 : 400, target ? "the request line" : of_head ? "a field" : "a chunk's line",
         "longer", "at most " + std::to_string(line_max) + " bytes");
  } else if (head_bytes_ > kHttpHeadBytesMax) {
    fail(431, "the request's head", "larger", "at most " + std::to_string(kHttpHeadBytesMax) + " bytes");
  } else if (line_.back() == '\n') {
    line_.pop_back();
    if (!line_.empty() && line_.back() == '\r') {
      line_.pop_back();
      return true;
    }
    fail(400, "the end of the line " + in_quotes(line_), "a line feed alone", "CR LF");
  }
  return false;
}

void HttpParser::on_line() {
  switch (expects_) {
    case Line::request:
      on_request_line();
      break;
    case Line::field:
      line_.empty() ? on_head_end() : on_field();
      break;
    case Line::chunk:
      on_chunk();
      break;
    case Line::chunk_end:
      expects_ = Line::chunk;
      if (!line_.empty()) fail(400, "the end of a chunk", in_quotes(line_), "CR LF behind as many bytes as it names");
      break;
    case Line::trailer:
      if (line_.empty()) at_ = At::end;
      break;
    case Line::none:
      break;
  }
  line_.clear();
}

void HttpParser::on_request_line() {
  // RFC 9112, 2.2: one empty line may stand in front.
  if (line_.empty() && !passed_empty_) {
    passed_empty_ = true;
    head_bytes_ = 0;
    return;
  }
  const std::string_view line = line_;
  const std::size_t first = line.find(' ');
  const std::size_t second = first == std::string_view::npos ? first : line.find(' ', first + 1);
  if (second == std::string_view::npos || !is_token(line.substr(0, first))) {
    return fail(400, "the request line", in_quotes(line), "METHOD TARGET HTTP/1.1");
  }
  head_.method = line.substr(0, first);
  head_.target = line.substr(first + 1, second - first - 1);
  const std::string_view version = line.substr(second + 1);
  if (version != "HTTP/1.1" && version != "HTTP/1.0") {
    return fail(version.substr(0, 5) == "HTTP/" ? 505 : 400, "the version", in_quotes(version), "HTTP/1.1 or HTTP/1.0");
  }
  head_.minor = version.back() - '0';
  expects_ = Line::field;
  split_target();
}

void HttpParser::split_target() {
  std::string_view target = head_.target;
  const auto visible = [](char c) { return c > ' ' && c < 0x7F && c != '#'; };
  const std::string scheme = in_lower_case(target.substr(0, 8));
  const std::size_t absolute = scheme == "https://" ? 8 : scheme.substr(0, 7) == "http://" ? 7 : 0;
  const bool all = target == "*" && head_.method == "OPTIONS";
  if (absolute != 0) {
    const std::size_t path = std::min(target.find_first_of("/?", absolute), target.size());
    head_.host = target.substr(absolute, path - absolute);
    target.remove_prefix(path);
  }
  const bool origin = !target.empty() && target.front() == '/';
  const bool empty_path = absolute != 0 && (target.empty() || target.front() == '?');
  if ((!origin && !empty_path && !all) || (absolute != 0 && head_.host.empty()) ||
      !std::all_of(head_.target.begin(), head_.target.end(), visible)) {
    return fail(400, "the target", in_quotes(head_.target), "a path that begins with /, or http://HOST/PATH");
  }
  const std::size_t question = std::min(target.find('?'), target.size());
  head_.path = empty_path ? "/" : target.substr(0, question);
  if (question < target.size()) head_.query = target.substr(question + 1);
}

void HttpParser::on_field() {
  const std::string_view line = line_;
  const std::size_t colon = line.find(':');
  const std::string_view name = line.substr(0, colon);
  if (colon == std::string_view::npos || !is_token(name)) {
    return fail(400, "a field", in_quotes(line), "NAME: VALUE, with nothing between name and colon");
  }
  const std::string_view value = without_spaces(line.substr(colon + 1));
  const auto control = [](char c) { return (static_cast<unsigned char>(c) < ' ' && c != '\t') || c == 0x7F; };
  if (std::any_of(value.begin(), value.end(), control)) {
    return fail(400, "the value of " + std::string(name), in_quotes(value), "without control characters");
  }
  if (head_.fields.size() == kHttpFieldsMax) {
    return fail(431, "the number of fields", "larger", "at most " + std::to_string(kHttpFieldsMax));
  }
  head_.fields.emplace_back(in_lower_case(name), value);
}

void HttpParser::on_head_end() {
  const auto hosts = std::count_if(head_.fields.begin(), head_.fields.end(),
                                   [](const auto& field) { return field.first == "host"; });
  if (hosts > 1) return fail(400, "Host", in_quotes(head_.field("host")), "named once");
  if (hosts == 0 && head_.minor == 1) return fail(400, "Host", "missing", "named once (HTTP/1.1)");
  if (head_.host.empty()) head_.host = head_.field("host");
  at_ = At::body;
  const std::string coding = head_.field("transfer-encoding");
  const std::string length = head_.field("content-length");
  if (head_.has("transfer-encoding")) {
    if (head_.has("content-length")) {
      return fail(400, "Content-Length", in_quotes(length) + " beside Transfer-Encoding", "one of both alone");
    }
    if (head_.minor == 0) return fail(400, "Transfer-Encoding", in_quotes(coding), "absent in HTTP/1.0");
    if (in_lower_case(coding) != "chunked") return fail(501, "Transfer-Encoding", in_quotes(coding), "chunked");
    chunked_ = true;
    expects_ = Line::chunk;
    return;
  }
  expects_ = Line::none;
  if (head_.has("content-length")) {
    const char* const end = length.data() + length.size();
    const auto read = std::from_chars(length.data(), end, left_);
    const bool digits = !length.empty() && std::all_of(length.begin(), length.end(),
                                                       [](char c) { return c >= '0' && c <= '9'; });
    if (!digits || read.ptr != end) {
      return fail(400, "Content-Length", in_quotes(length), "one number, 0.." + std::to_string(body_bytes_max_));
    }
    if (read.ec != std::errc()) left_ = UINT64_MAX;
    if (!has_room_for(left_, "Content-Length")) return;
  }
  if (left_ == 0) at_ = At::end;
}

// SIZE in hexadecimal digits, and maybe extensions, which mean nothing here.
void HttpParser::on_chunk() {
  const std::string_view line = line_;
  const std::string_view size = without_spaces(line.substr(0, line.find(';')));
  const auto read = std::from_chars(size.data(), size.data() + size.size(), left_, 16);
  if (size.empty() || read.ptr != size.data() + size.size() || read.ec == std::errc::invalid_argument) {
    return fail(400, "a chunk's size", in_quotes(line), "a number in hexadecimal digits");
  }
  if (read.ec != std::errc()) left_ = UINT64_MAX;
  if (!has_room_for(left_, "the body")) return;
  expects_ = left_ == 0 ? Line::trailer : Line::none;
  if (left_ == 0) head_bytes_ = 0;
}

bool HttpParser::has_room_for(std::uint64_t bytes, const char* where) {
  if (bytes <= body_bytes_max_ - body_.size()) return true;
  fail(413, where, bytes == UINT64_MAX ? "beyond 64 bits" : std::to_string(body_.size() + bytes) + " bytes",
       "0.." + std::to_string(body_bytes_max_) + " (events.message_bytes_max)");
  return false;
}

}  // namespace bridge
