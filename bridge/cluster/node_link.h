// Words between bridges beside the log that they share: who is there, and commands. Behind it is a broker, or a test.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace bridge {

// Each word arrives once or not at all.
class NodeLink {
 public:
  virtual ~NodeLink() = default;
  // To all others, as this node.
  virtual void tell(std::string_view heartbeat) = 0;
  // To one. on_answer(no) may follow. False where it surely does not go out.
  [[nodiscard]] virtual bool ask(const std::string& node, std::uint64_t no, std::string_view request) = 0;
  // To who asked; `to` is as on_request() had it.
  virtual void answer(const std::string& to, std::string_view answer) = 0;
  // What one word may have.
  virtual std::size_t word_bytes_max() const = 0;
};

// Who is told of them. One thread.
class NodeLinkListener {
 public:
  virtual ~NodeLinkListener() = default;
  virtual void on_heartbeat(const std::string& node, std::string_view heartbeat, std::int64_t now_us) = 0;
  virtual void on_request(const std::string& to, std::string_view request, std::int64_t now_us) = 0;
  // `nobody`: that node has no bridge that could take it.
  virtual void on_answer(std::uint64_t no, bool nobody, std::string_view answer, std::int64_t now_us) = 0;
};

}  // namespace bridge
