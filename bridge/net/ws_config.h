// How websocketpp is set up: on one loop thread, with message and transport types of our own, bounded, and
// with RFC 7692 where its own code falls short. For ws_server.cpp only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <queue>
#include <string>

#include <websocketpp/concurrency/none.hpp>
#include <websocketpp/config/core.hpp>
#include <websocketpp/logger/stub.hpp>
#include <websocketpp/server.hpp>

#include "access/access.h"
#include "net/address_limits.h"
#include "net/at_once_transport.h"
#include "net/permessage_deflate.h"
#include "net/proxies.h"
#include "net/short_queue.h"
#include "net/wire_message.h"
#include "tls/either_socket.h"

namespace bridge {

using WireMessagePtr = WireMessage<websocketpp::message_buffer::alloc::con_msg_manager>::ptr;

}  // namespace bridge

// What each connection keeps its messages in until they are written.
template <>
class std::queue<bridge::WireMessagePtr, std::deque<bridge::WireMessagePtr>>
    : public std::queue<bridge::WireMessagePtr, bridge::ShortQueue<bridge::WireMessagePtr>> {};

namespace bridge {

class ClientSocket;
class EventStream;

// What websocketpp keeps with each connection for us.
struct ConnectionData {
  std::shared_ptr<ClientSocket> client;  // once the handshake is through
  std::shared_ptr<EventStream> stream;   // once it was asked for events by HTTP
  std::shared_ptr<void> counted;         // in the number of open TCP connections
  std::uint64_t number = 0;              // of the TCP connection
  Asker asker;                           // of the last request
  std::string peer;                      // whose it is, as peer_of(); "": a proxy's, nobody's yet
  AddressLimits::Arrival arrival;        // of that one
  std::shared_ptr<const Access> access;  // who it said to be, with its handshake or request
};

// websocketpp on one loop thread: no locks, no strands, no logs of its own (they would hold what
// clients send), small buffers and limits in place of its defaults.
struct WsConfig : websocketpp::config::core {
  using type = WsConfig;
  using base = websocketpp::config::core;
  using concurrency_type = websocketpp::concurrency::none;
  using request_type = HandshakeRequest;
  using response_type = HandshakeResponse;
  using permessage_deflate_type = PermessageDeflate;
  using message_type = WireMessage<websocketpp::message_buffer::alloc::con_msg_manager>;
  using con_msg_manager_type =
      websocketpp::message_buffer::alloc::con_msg_manager<message_type>;
  using endpoint_msg_manager_type =
      websocketpp::message_buffer::alloc::endpoint_msg_manager<con_msg_manager_type>;
  using alog_type = websocketpp::log::stub;
  using elog_type = websocketpp::log::stub;
  using rng_type = base::rng_type;
  using connection_base = ConnectionData;
  static const bool enable_multithreading = false;

  struct transport_config : base::transport_config {
    using concurrency_type = type::concurrency_type;
    using alog_type = type::alog_type;
    using elog_type = type::elog_type;
    using request_type = type::request_type;
    using response_type = type::response_type;
    using socket_type = tls::EitherEndpoint;
    static const bool enable_multithreading = false;
    static const long timeout_socket_post_init = 0;  // TlsGreeting keeps the time
  };
  using transport_type = AtOnceEndpoint<transport_config>;

  // Each connection holds a buffer of this size for as long as it lives.
  static const size_t connection_read_buffer_size = 512;
  static const bool drop_on_protocol_error = false;
};

}  // namespace bridge

// Where websocketpp's processor has no place for what RFC 7692 wants, ours stands in for its own:
// the answer to the handshake, the bits of a frame's header, the end of a message.
namespace websocketpp::processor {

template <>
inline hybi13<bridge::WsConfig>::err_str_pair hybi13<bridge::WsConfig>::negotiate_extensions(
    const request_type& request) {
  return m_permessage_deflate.negotiate(request, m_max_message_size);
}

// As the original; and only a message's first frame may say that it is compressed (section 6.1), and what is
// to be received is counted.
template <>
inline lib::error_code hybi13<bridge::WsConfig>::validate_incoming_extended_header(
    frame::basic_header h, frame::extended_header e) const {
  if (frame::get_rsv1(h) && frame::get_opcode(h) == frame::opcode::continuation) {
    return error::make_error_code(error::invalid_rsv_bit);
  }
  const uint8_t code = frame::get_basic_size(h);
  const uint64_t size = frame::get_payload_size(h, e);
  const bool shortest = (code != frame::payload_size_code_16bit || size > frame::limits::payload_size_basic) &&
                        (code != frame::payload_size_code_64bit || size > frame::limits::payload_size_extended);
  // Section 5.2; websocketpp has codes of its own for these, which would close with 1011.
  if (!shortest || size >> 63 != 0) return error::make_error_code(error::protocol_violation);
  const bool counts = !frame::opcode::is_control(frame::get_opcode(h)) && size <= m_max_message_size;
  if (counts && !m_permessage_deflate.expect(size)) {
    return error::make_error_code(error::message_too_big);
  }
  return {};
}

// The original would inflate a tail of its own, and look for the end of the last character only
// where a message is one frame.
template <>
inline lib::error_code hybi13<bridge::WsConfig>::finalize_message() {
  const message_ptr& message = m_current_msg->msg_ptr;
  const bool text = message->get_opcode() == frame::opcode::text;
  m_permessage_deflate.received();
  if (message->get_compressed()) {
    std::string& out = message->get_raw_payload();
    bool keeps_context = false;
    if (const lib::error_code failed = m_permessage_deflate.finish(out, &keeps_context)) return failed;
    if (keeps_context) {
      out.clear();
      message->set_keeps_context();
      m_state = READY;
      return {};
    }
    if (text && !m_current_msg->validator.decode(out.begin(), out.end())) {
      return error::make_error_code(error::invalid_utf8);
    }
  }
  if (text && !m_current_msg->validator.complete()) {
    return error::make_error_code(error::invalid_utf8);
  }
  m_state = READY;
  return {};
}

}  // namespace websocketpp::processor
