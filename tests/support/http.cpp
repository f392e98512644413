#include "http.h"

#include <strings.h>

#include <charconv>
#include <stdexcept>

namespace testing_support {
namespace {

bool same_name(std::string_view a, std::string_view b) {
  return a.size() == b.size() && ::strncasecmp(a.data(), b.data(), a.size()) == 0;
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

std::size_t number_or(std::string_view text, std::size_t otherwise) {
  std::size_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size() ? value : otherwise;
}

}  // namespace

std::string HttpResponse::header(std::string_view name) const {
  for (const auto& [key, value] : headers) {
    if (same_name(key, name)) return value;
  }
  return {};
}

HttpResponse parse_http_head(std::string_view head) {
  HttpResponse response;
  std::size_t end = head.find("\r\n");
  const std::string_view first = head.substr(0, end);
  if (first.substr(0, 7) != "HTTP/1." || first.size() < 12) {
    throw std::runtime_error("not an HTTP answer: " + std::string(first));
  }
  response.status = static_cast<int>(number_or(first.substr(9, 3), 0));
  if (first.size() > 13) response.reason = first.substr(13);
  while (end != std::string_view::npos) {
    head.remove_prefix(end + 2);
    end = head.find("\r\n");
    const std::string_view line = head.substr(0, end);
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos) continue;
    response.headers.emplace_back(trimmed(line.substr(0, colon)), trimmed(line.substr(colon + 1)));
  }
  return response;
}

std::string http_request(const TcpAddress& address, std::string_view method, std::string_view path,
                         const HttpHeaders& headers, std::string_view body) {
  HttpHeaders all = headers;
  const auto add = [&](std::string_view name, const std::string& value) {
    for (const auto& [key, unused] : headers) {
      if (same_name(key, name)) return;
    }
    all.emplace_back(name, value);
  };
  add("Host", address.text());
  add("Connection", "close");
  if (!body.empty()) add("Content-Length", std::to_string(body.size()));
  std::string text = std::string(method) + " " + std::string(path) + " HTTP/1.1\r\n";
  for (const auto& [key, value] : all) text += key + ": " + value + "\r\n";
  text += "\r\n";
  text += body;
  return text;
}

HttpResponse http(const TcpAddress& address, std::string_view method, std::string_view path,
                  const HttpHeaders& headers, std::string_view body, milliseconds timeout) {
  const Deadline deadline(timeout);
  TcpSocket socket = TcpSocket::connect(address, timeout);
  // A server may answer and close before it has read everything, so a failed send is no failure.
  (void)socket.send_all(http_request(address, method, path, headers, body), deadline.left());
  std::string text;
  for (;;) {
    const TcpSocket::Read read = socket.receive(text, deadline.left());
    const std::size_t head_end = text.find("\r\n\r\n");
    if (head_end != std::string::npos) {
      HttpResponse response = parse_http_head(std::string_view(text).substr(0, head_end));
      const std::size_t body_begin = head_end + 4;
      const std::size_t length =
          method == "HEAD" ? 0 : number_or(response.header("Content-Length"), std::string::npos);
      const bool whole = length != std::string::npos && text.size() - body_begin >= length;
      if (whole || (read == TcpSocket::Read::kEnd && length == std::string::npos)) {
        response.body = text.substr(body_begin, length);
        return response;
      }
    }
    if (read != TcpSocket::Read::kData) {
      throw std::runtime_error(std::string(method) + " " + std::string(path) +
                               ": no whole answer, only: " + text);
    }
  }
}

}  // namespace testing_support
