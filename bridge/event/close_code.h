// WebSocket close codes that the bridge uses (RFC 6455 section 7.4.1; 4000-4999 are our own).
#pragma once

#include <cstdint>

namespace bridge {

enum class CloseCode : std::uint16_t {
  normal = 1000,
  going_away = 1001,      // the bridge stops: reconnect
  protocol_error = 1002,  // against RFC 6455 or what was agreed on
  unsupported = 1003,     // a binary message
  invalid_utf8 = 1007,
  too_large = 1009,
  internal_error = 1011,
  try_again_later = 1013,  // full
  unauthorized = 4001,     // token missing or wrong
  forbidden = 4003,        // nothing here for that role
  too_slow = 4008,         // does not even take control messages
  no_pong = 4012,
  rate_limited = 4029,
};

}  // namespace bridge
