// An HTTP request as websocketpp reads it, on which the server has a say before its body is there.
#pragma once

#include <cstddef>

#include <websocketpp/http/request.hpp>
#include <websocketpp/processors/processor.hpp>

#include "base/memory_ledger.h"

namespace bridge {

class HandshakeRequest;

class RequestGate {
 public:
  // Called with each part that has come. It may cut the request.
  virtual void look(HandshakeRequest& request) = 0;

 protected:
  ~RequestGate() = default;
};

// One connection's, and belongs to it. Mutable, as websocketpp shows its request only as const.
class HandshakeRequest : public websocketpp::http::parser::request {
  using Base = websocketpp::http::parser::request;

 public:
  // Why no more of it is read.
  enum class Cut { no, foreign_host, foreign_origin, old_version, no_memory };

  mutable bool deflate = false;         // an offer of it may be taken up
  mutable RequestGate* gate = nullptr;  // outlives it
  mutable MemoryHold memory;            // what it takes of the share of HTTP
  mutable MemoryShare* messages = nullptr;  // what counts the client's messages that are on their way; outlives it

  std::size_t consume(const char* bytes, std::size_t size) {
    if (received_ == 0 && size != 0 && *bytes == kTlsRecord) {
      throw websocketpp::http::exception("no TLS is spoken here", websocketpp::http::status_code::bad_request);
    }
    const std::size_t used = Base::consume(bytes, size);
    received_ = size;
    if (has_head() && !Base::ready()) m_body.reserve(m_body.size() + m_body_bytes_needed);
    if (gate != nullptr && cut_ == Cut::no) gate->look(*this);
    return cut_ == Cut::no ? used : size;
  }
  // From now on it is a plain HTTP request that has no more to come: the HTTP handler answers it.
  void cut(Cut why) {
    cut_ = why;
    remove_header("Upgrade");
  }
  Cut why_cut() const { return cut_; }
  bool ready() const { return cut_ != Cut::no || Base::ready(); }

  // The head is there; of the body, if there is one, some may be.
  bool has_head() const {
    return Base::ready() || m_body_encoding == websocketpp::http::parser::body_encoding::plain;
  }
  bool is_upgrade() const { return websocketpp::processor::is_websocket_handshake(*this); }
  // Bytes of the last part.
  std::size_t received() const { return received_; }

  // Lets its memory go: the handshake is through.
  void forget() const {
    auto& self = const_cast<HandshakeRequest&>(*this);  // never a const object
    self.m_headers.clear();
    memory.release();
  }

 private:
  static constexpr char kTlsRecord = 0x16;  // a TLS handshake begins with it, and no request

  std::size_t received_ = 0;
  Cut cut_ = Cut::no;
};

}  // namespace bridge
