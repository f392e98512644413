// A WebSocket handshake as websocketpp reads it, after HttpConnection has judged it, and as it answers it.
#pragma once

#include <websocketpp/http/request.hpp>
#include <websocketpp/http/response.hpp>

#include "base/memory_ledger.h"

namespace bridge {

// One connection's, and belongs to it. Mutable, as websocketpp shows its request only as const.
class HandshakeRequest : public websocketpp::http::parser::request {
 public:
  mutable bool deflate = false;             // an offer of it may be taken up
  mutable MemoryShare* messages = nullptr;  // what counts the client's messages that are on their way; outlives it

  // Lets its memory go: the handshake is through.
  void forget() const {
    const_cast<HandshakeRequest&>(*this).m_headers.clear();  // never a const object
  }
};

class HandshakeResponse : public websocketpp::http::parser::response {
 public:
  // The same.
  void forget() const { const_cast<HandshakeResponse&>(*this).m_headers.clear(); }
};

}  // namespace bridge
