// permessage-deflate as websocketpp's processor wants it, for what clients send. What the bridge
// sends is compressed long before (core/frames.h).
//
// websocketpp 0.8.2's own (extensions/permessage_deflate/enabled.hpp) inflates without a limit,
// keeps zlib's memory for every client and takes up offers that it must decline. This one gathers a
// message's compressed bytes and inflates them when the message is whole, within the message limit;
// between messages it holds nothing. ws_server.cpp tells where the processor is bent to that.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include <websocketpp/common/system_error.hpp>
#include <websocketpp/extensions/extension.hpp>
#include <websocketpp/http/constants.hpp>
#include <websocketpp/processors/base.hpp>

#include "base/limits.h"
#include "event/deflate.h"
#include "net/deflate_offer.h"
#include "net/handshake_request.h"

namespace bridge {

// One connection's; belongs to its processor. Small, for there are thousands that never use it.
class PermessageDeflate {
 public:
  using Error = websocketpp::lib::error_code;
  using Answer = std::pair<Error, std::string>;

  bool is_implemented() const { return true; }
  bool is_enabled() const { return bytes_max_ != 0; }

  // The answer to the handshake; "" = without. Fails, and with it the handshake, where the header
  // is malformed. `bytes_max`: of a message, compressed or not; REQUIRES: from 1 to 4 GiB.
  Answer negotiate(const HandshakeRequest& request, std::size_t bytes_max) {
    receiving_.of(*request.messages);
    const auto answer = answer_extensions(request.get_header("Sec-WebSocket-Extensions"));
    if (!answer) return {error(websocketpp::processor::error::extension_parse_error), {}};
    if (!request.deflate || answer.value().empty()) return {};
    bytes_max_ = static_cast<std::uint32_t>(bytes_max);
    return {Error(), answer.value()};
  }

  // Of every message, compressed or not: false where all clients together send too much for one more frame of
  // a large one.
  bool expect(std::size_t frame_bytes) const {
    const std::size_t bytes = receiving_.bytes() + frame_bytes;
    if (bytes > kSmallRequestBytes) return receiving_.try_take(frame_bytes);
    receiving_.set(bytes);
    return true;
  }

  // Takes some more of a compressed message. Nothing comes out before finish().
  Error decompress(const std::uint8_t* bytes, std::size_t size, std::string&) {
    if (!gathered_) gathered_ = std::make_unique<std::string>();
    if (size > bytes_max_ - gathered_->size()) {
      return error(websocketpp::processor::error::message_too_big);
    }
    gathered_->append(reinterpret_cast<const char*>(bytes), size);
    return {};
  }

  // A message is whole.
  void received() { receiving_.release(); }

  // It is compressed: `out` becomes what it says. 1009 where that is too large, 1007 where it
  // is not deflate. `keeps_context`: it goes on from an earlier one, which was agreed not to be.
  Error finish(std::string& out, bool* keeps_context) {
    const auto gathered = std::move(gathered_);
    const bool first = !std::exchange(some_came_, true);
    switch (inflate_message(gathered ? *gathered : std::string(), bytes_max_, out)) {
      case Inflated::whole:
        return {};
      case Inflated::refers_back:
        *keeps_context = !first;
        if (*keeps_context) return {};
        break;
      case Inflated::too_large:
        return error(websocketpp::processor::error::message_too_big);
      case Inflated::not_deflate:
        break;
    }
    return error(websocketpp::processor::error::invalid_payload);
  }

  // The rest of what the processor calls: as a client, and for messages that are not framed yet.
  // There are none.
  Answer negotiate(const websocketpp::http::attribute_list&) { return {disabled(), {}}; }
  Error init(bool) { return disabled(); }
  std::string generate_offer() const { return {}; }
  Error compress(const std::string&, std::string&) { return disabled(); }

 private:
  static Error error(websocketpp::processor::error::processor_errors code) {
    return websocketpp::processor::error::make_error_code(code);
  }
  static Error disabled() {
    return websocketpp::extensions::error::make_error_code(
        websocketpp::extensions::error::disabled);
  }

  std::uint32_t bytes_max_ = 0;  // 0: nothing was agreed on
  bool some_came_ = false;       // compressed messages
  std::unique_ptr<std::string> gathered_;
  mutable MemoryHold receiving_;
};

}  // namespace bridge
