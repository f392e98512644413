// Asking the bridge over ZeroMQ without ever getting stuck.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <zmq.hpp>

namespace bot {

// A REQ socket that is thrown away and made anew when an answer does not come (the "lazy pirate" of
// the ZeroMQ guide): a REQ that waits for an answer can do nothing else, and the bridge that owes
// it may be gone. One thread; `context` must outlive it.
class RequestSocket {
 public:
  // The bridge knows the asker by `name` (a ZeroMQ routing id of 1-255 bytes; empty: whatever
  // ZeroMQ gives), through all renewals. Throws zmq::error_t where `endpoint` is no address.
  RequestSocket(zmq::context_t& context, std::string endpoint, std::string name);

  // The answer, waiting for it at most `wait`; nothing where none came. The question may have been
  // carried out all the same; this socket does not send it again. An answer that comes too late may
  // be taken for that to the next question: questions and answers need ids.
  std::optional<std::string> ask(const std::string& question, std::chrono::milliseconds wait);

  // How often an answer did not come.
  std::uint64_t renewals() const { return renewals_; }

 private:
  void open();

  zmq::context_t& context_;
  const std::string endpoint_;
  const std::string name_;
  zmq::socket_t socket_;
  std::uint64_t renewals_ = 0;
};

}  // namespace bot
