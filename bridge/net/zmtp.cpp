#include "net/zmtp.h"

#include <algorithm>
#include <utility>

#include "base/ascii.h"
#include "base/text.h"

namespace bridge {
namespace {

// Of the greeting (RFC 23): signature, version, mechanism, as-server, filler.
constexpr std::size_t kSignatureBytes = 10;
constexpr std::size_t kRevisionBytes = kSignatureBytes + 1;
constexpr std::size_t kGreetingBytes = 64;
constexpr std::size_t kMechanismAt = 12, kMechanismBytes = 20;
constexpr char kSignature[] = "\xff\0\0\0\0\0\0\0\1\x7f";
constexpr char kMajor = 3, kMinor = 0;  // 3.1 tells subscriptions by commands; all take a message
constexpr int kOldRevisionMax = 2;      // of ZMTP 2.0

// Of the older one (RFC 15): the socket's type is a number, and an identity is sent behind it.
constexpr char kOldSub = 2;
constexpr char kOldPub = 1, kOldXpub = 9;

constexpr unsigned kMore = 1, kLong = 2, kCommand = 4;
constexpr std::size_t kShortHeader = 2, kLongHeader = 9;
constexpr std::size_t kCommandBytesMax = 8 * 1024;
constexpr std::size_t kPingContextMax = 16;  // RFC 37

constexpr std::string_view kSubscribeToAll("\0\1\1", 3);
constexpr std::string_view kNoIdentity("\0\0", 2);

unsigned char at(std::string_view bytes, std::size_t i) {
  return static_cast<unsigned char>(bytes[i]);
}

std::uint64_t big_endian(std::string_view bytes) {
  std::uint64_t n = 0;
  for (const char c : bytes) n = n << 8 | static_cast<unsigned char>(c);
  return n;
}

std::string command(std::string_view name, std::string_view rest) {
  std::string frame;
  frame += static_cast<char>(kCommand);
  frame += static_cast<char>(1 + name.size() + rest.size());
  frame += static_cast<char>(name.size());
  return frame.append(name).append(rest);
}

std::string ready_command() {
  return command("READY", {"\x0bSocket-Type\0\0\0\3SUB", 12 + 4 + 3});
}

std::string error(std::string_view reason) {
  return command("ERROR", std::string(1, static_cast<char>(reason.size())).append(reason));
}

std::string rest_of_our_greeting() {
  std::string rest(1, kMinor);
  rest += "NULL";
  rest.resize(kGreetingBytes - kRevisionBytes);  // no more of the mechanism, no server, filler
  return rest;
}

}  // namespace

Zmtp::Step Zmtp::fail(Broken why, std::string what) {
  broken_ = why;
  failure_ = std::move(what);
  return {Found::broken};
}

Zmtp::Step Zmtp::next(std::string_view bytes) {
  if (state_ < State::identity) return greeting(bytes);
  if (passing_ == 0) return frame(bytes);
  if (bytes.empty()) return {Found::nothing, 0, 1};
  const std::size_t passed = static_cast<std::size_t>(std::min<std::uint64_t>(passing_, bytes.size()));
  passing_ -= passed;
  return {Found::passed, passed};
}

// In steps, as what we say depends on the version that the peer speaks. Until all of it is there, nothing is consumed.
Zmtp::Step Zmtp::greeting(std::string_view bytes) {
  if (state_ == State::start) {
    unsent_.assign(kSignature, kSignatureBytes) += kMajor;
    state_ = State::signature;
  }
  if (state_ == State::signature) {
    if (!bytes.empty() && at(bytes, 0) != 0xff) return fail(Broken::protocol, "what it says is not ZMTP 2 or 3");
    if (bytes.size() < kRevisionBytes) return {Found::nothing, 0, kRevisionBytes};
    const unsigned revision = at(bytes, kSignatureBytes);
    if ((at(bytes, kSignatureBytes - 1) & 1) == 0 || revision == 0) {
      return fail(Broken::protocol, "it speaks ZMTP 1, of ZeroMQ before 3; it must be 2 or 3");
    }
    old_ = revision <= kOldRevisionMax;
    unsent_ += old_ ? std::string(1, kOldSub).append(kNoIdentity) : rest_of_our_greeting();
    state_ = old_ ? State::socket_type : State::rest_of_greeting;
  }
  if (state_ == State::socket_type) {
    if (bytes.size() == kRevisionBytes) return {Found::nothing, 0, kRevisionBytes + 1};
    const char type = bytes[kRevisionBytes];
    if (type != kOldPub && type != kOldXpub) {
      return fail(Broken::protocol, "it is no PUB, but of ZMTP 2's type " + std::to_string(at(bytes, kRevisionBytes)));
    }
    state_ = State::identity;
    return {Found::passed, kRevisionBytes + 1};
  }
  if (bytes.size() < kGreetingBytes) return {Found::nothing, 0, kGreetingBytes};
  std::string_view mechanism = bytes.substr(kMechanismAt, kMechanismBytes);
  mechanism = mechanism.substr(0, mechanism.find('\0'));
  if (mechanism != "NULL") {
    return fail(Broken::mechanism,
                "it wants the mechanism \"" + printable(mechanism) + "\", and no key is asked for here (NULL)");
  }
  state_ = State::handshake;
  return {Found::passed, kGreetingBytes};
}

Zmtp::Step Zmtp::frame(std::string_view bytes) {
  if (bytes.size() < kShortHeader) return {Found::nothing, 0, kShortHeader};
  const unsigned flags = at(bytes, 0);
  if ((flags & ~(kMore | kLong | (old_ ? 0U : kCommand))) != 0) {
    return fail(Broken::protocol, "a frame has the flags " + std::to_string(flags));
  }
  const std::size_t header = (flags & kLong) != 0 ? kLongHeader : kShortHeader;
  if (bytes.size() < header) return {Found::nothing, 0, header};
  const std::uint64_t size = big_endian(bytes.substr(1, header - 1));
  const bool is_command = (flags & kCommand) != 0;
  const std::size_t size_max = is_command || state_ != State::ready ? kCommandBytesMax : message_bytes_max_;
  if (size > size_max) {
    return fail(state_ == State::ready ? Broken::too_large : Broken::protocol,
                std::string(is_command ? "a command" : "a message") + " of " + std::to_string(size) +
                    " bytes; at most " + std::to_string(size_max));
  }
  if (is_command != (state_ == State::handshake) && state_ != State::ready) {
    return fail(Broken::protocol, "there is no READY");
  }
  if (state_ == State::ready && !is_command) {
    if (message_bytes_ + size > message_bytes_max_) {
      return fail(Broken::too_large,
                  "a message of more than " + std::to_string(message_bytes_max_) + " bytes in several frames");
    }
    if ((flags & kMore) != 0) {
      passing_ = size;
      message_bytes_ += header + size;
      return {Found::passed, header};
    }
  }
  const std::size_t whole = header + static_cast<std::size_t>(size);
  if (bytes.size() < whole) return {Found::nothing, 0, whole};
  const std::string_view body = bytes.substr(header, static_cast<std::size_t>(size));
  if (state_ == State::identity) {
    unsent_ += kSubscribeToAll;
    state_ = State::ready;
    return {Found::passed, whole};
  }
  if (!is_command) {
    message_bytes_ = 0;
    return {Found::message, whole, 0, body};
  }
  if (!on_command(body)) return {Found::broken};
  return {Found::passed, whole};
}

// A command is its name, behind the length of that, and what belongs to it.
bool Zmtp::on_command(std::string_view command_body) {
  const std::size_t name_bytes = command_body.empty() ? 0 : at(command_body, 0);
  if (command_body.size() < 1 + name_bytes) return fail(Broken::protocol, "a command has no name"), false;
  const std::string_view name = command_body.substr(1, name_bytes);
  const std::string_view rest = command_body.substr(1 + name_bytes);
  if (state_ == State::handshake) {
    if (name == "READY") return on_ready_command(rest);
    return fail(Broken::protocol, "it says " + printable(name) + " where READY is wanted"), false;
  }
  constexpr std::size_t kTtlBytes = 2;
  if (name == "PING" && rest.size() >= kTtlBytes && unsent_.size() < kUnsentMax) {
    unsent_ += command("PONG", rest.substr(kTtlBytes, kPingContextMax));
  }
  return true;
}

// Properties: each the length of its name and that, the length of its value in four bytes and that.
bool Zmtp::on_ready_command(std::string_view properties) {
  std::string_view type;
  while (!properties.empty()) {
    const std::size_t name_bytes = at(properties, 0);
    if (properties.size() < 1 + name_bytes + 4) return fail(Broken::protocol, "its READY is broken"), false;
    const std::string_view name = properties.substr(1, name_bytes);
    const std::uint64_t value_bytes = big_endian(properties.substr(1 + name_bytes, 4));
    properties.remove_prefix(1 + name_bytes + 4);
    if (value_bytes > properties.size()) return fail(Broken::protocol, "its READY is broken"), false;
    if (in_lower_case(name) == "socket-type") type = properties.substr(0, static_cast<std::size_t>(value_bytes));
    properties.remove_prefix(static_cast<std::size_t>(value_bytes));
  }
  if (type != "PUB" && type != "XPUB") {
    unsent_ += error("events are taken from PUB and XPUB");
    const std::string what = type.empty() ? "it does not say what socket it is" : "it is a " + printable(type);
    return fail(Broken::protocol, what + "; events are taken from PUB and XPUB"), false;
  }
  say_ready();
  unsent_ += kSubscribeToAll;
  state_ = State::ready;
  return true;
}

void Zmtp::say_ready() {
  if (state_ == State::handshake && !std::exchange(said_ready_, true)) unsent_ += ready_command();
}

}  // namespace bridge
