#include "net/deflate_offer.h"

#include <doctest/doctest.h>

#include "net/permessage_deflate.h"

using namespace bridge;

namespace {

const std::string kTaken =
    "permessage-deflate; server_no_context_takeover; client_no_context_takeover";

// The answer, or "malformed".
std::string answer(std::string_view header) {
  const auto result = answer_extensions(header);
  return result ? result.value() : "malformed";
}

}  // namespace

TEST_CASE("deflate offer: a header that follows no grammar is malformed") {
  for (const char* header :
       {";", "=", "permessage-deflate;", "permessage-deflate; ", "permessage-deflate;;x", "a b",
        "permessage-deflate; =10", "permessage-deflate; server_max_window_bits=",
        "permessage-deflate; server_max_window_bits=\"10", "permessage-deflate; x=\"\"",
        "permessage-deflate; x=\"a b\"", "permessage-deflate; x=\"a\\", "permessage-deflate; x=1 2",
        "permessage-deflate, ;", "\"permessage-deflate\"", "permessage-deflate; x=1=2", "a\x01",
        "permessage-deflate/1"}) {
    CAPTURE(header);
    CHECK(answer(header) == "malformed");
  }
}

TEST_CASE("deflate offer: one that RFC 7692 has declined, or that asks for a smaller window, is") {
  for (const char* header :
       {"", " ", ",", "x-webkit-deflate-frame", "permessage-bzip2", "Permessage-Deflate",
        "permessage-deflate; unknown", "permessage-deflate; unknown=1",
        "permessage-deflate; server_no_context_takeover=1",
        "permessage-deflate; client_no_context_takeover=true",
        "permessage-deflate; server_no_context_takeover; server_no_context_takeover",
        "permessage-deflate; client_max_window_bits; client_max_window_bits=10",
        "permessage-deflate; server_max_window_bits",
        "permessage-deflate; server_max_window_bits=8",
        "permessage-deflate; server_max_window_bits=14",
        "permessage-deflate; server_max_window_bits=16",
        "permessage-deflate; server_max_window_bits=015",
        "permessage-deflate; server_max_window_bits=x",
        "permessage-deflate; client_max_window_bits=7",
        "permessage-deflate; client_max_window_bits=16",
        "permessage-deflate; client_max_window_bits=08",
        "permessage-deflate; client_max_window_bits=1",
        "permessage-deflate; client_max_window_bits=100",
        // RFC 7692 section 7.1.3.
        "permessage-deflate; client_max_window_bits; server_max_window_bits=10"}) {
    CAPTURE(header);
    CHECK(answer(header).empty());
  }
}

TEST_CASE("deflate offer: others are taken up, always without context") {
  for (const char* header :
       {"permessage-deflate", "  permessage-deflate  ", ",permessage-deflate,,",
        "permessage-deflate; client_max_window_bits", "permessage-deflate;client_max_window_bits=8",
        "permessage-deflate; client_max_window_bits=\"10\"",
        "permessage-deflate;\tclient_max_window_bits = 15",
        "permessage-deflate; server_no_context_takeover",
        "permessage-deflate; client_no_context_takeover",
        "permessage-deflate; server_no_context_takeover; client_no_context_takeover; "
        "client_max_window_bits=12",
        "x-other; a=\"b\", permessage-deflate"}) {
    CAPTURE(header);
    CHECK(answer(header) == kTaken);
  }
  CHECK(answer("permessage-deflate; server_max_window_bits=15") ==
        kTaken + "; server_max_window_bits=15");
  CHECK(answer("permessage-deflate; server_max_window_bits=\"\\15\"") ==
        kTaken + "; server_max_window_bits=15");
}

TEST_CASE("deflate offer: the first that can be taken up is") {
  // RFC 7692 section 7.1.3.
  CHECK(answer("permessage-deflate; client_max_window_bits; server_max_window_bits=10, "
               "permessage-deflate; client_max_window_bits") == kTaken);
  CHECK(answer("permessage-deflate, permessage-deflate; server_max_window_bits=15") == kTaken);
  CHECK(answer("permessage-deflate; x, permessage-deflate; server_max_window_bits=15, "
               "permessage-deflate") == kTaken + "; server_max_window_bits=15");
  // One that is malformed spoils all of it.
  CHECK(answer("permessage-deflate, permessage-deflate; =") == "malformed");
}

TEST_CASE("deflate offer: a connection agrees only where it may, and gathers within its limit") {
  using websocketpp::processor::error::make_error_code;
  namespace error = websocketpp::processor::error;
  MemoryLedger memory;
  HandshakeRequest request;
  request.messages = &memory[Queue::requests];
  request.append_header("Sec-WebSocket-Extensions", "permessage-deflate");
  PermessageDeflate off;
  CHECK(off.negotiate(request, 100).second.empty());
  CHECK(!off.is_enabled());
  request.deflate = true;
  PermessageDeflate on;
  CHECK(on.negotiate(request, 100).second == kTaken);
  CHECK(on.is_enabled());
  const std::string chunk(60, '\0');
  const auto* const bytes = reinterpret_cast<const std::uint8_t*>(chunk.data());
  std::string out;
  CHECK(!on.decompress(bytes, 60, out));
  CHECK(on.decompress(bytes, 60, out) == make_error_code(error::message_too_big));
  bool keeps_context = false;
  CHECK(on.finish(out, &keeps_context) == make_error_code(error::invalid_payload));
  // And the next message stands alone.
  const std::string hello("\xf2\x48\xcd\xc9\xc9\x07\x00", 7);
  CHECK(!on.decompress(reinterpret_cast<const std::uint8_t*>(hello.data()), 7, out));
  CHECK(!on.finish(out, &keeps_context));
  CHECK(out == "Hello");
  // One that goes on from it is told apart from garbage; the first of all can be nothing else.
  const std::string again("\xf2\x00\x11\x00\x00", 5);  // RFC 7692, 7.2.3.2
  CHECK(!on.decompress(reinterpret_cast<const std::uint8_t*>(again.data()), 5, out));
  CHECK(!on.finish(out, &keeps_context));
  CHECK(keeps_context);
  PermessageDeflate fresh;
  CHECK(fresh.negotiate(request, 100).second == kTaken);
  CHECK(!fresh.decompress(reinterpret_cast<const std::uint8_t*>(again.data()), 5, out));
  CHECK(fresh.finish(out, &keeps_context) == make_error_code(error::invalid_payload));
  HandshakeRequest malformed;
  malformed.append_header("Sec-WebSocket-Extensions", "permessage-deflate; =");
  CHECK(PermessageDeflate().negotiate(malformed, 100).first ==
        make_error_code(error::extension_parse_error));
}
