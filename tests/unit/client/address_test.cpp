#include "feed/address.h"

#include <string>

#include <doctest/doctest.h>

using feed::complete_url;

TEST_CASE("address: what cannot be connected to is refused with the address and the reason") {
  for (const char* const url :
       {"", "ws://", "ws://:5178/ws", "http://h/ws", "wss:///ws", "https://h/ws", "ws://h:0/ws", "ws://h:65536/ws",
        "ws://h:12x/ws", "ws://h:/ws", "ws://user:pw@h/ws", "ws://h/ws#x", "ws://h?x=1",
        "ws://a b/ws", "ws://h/ws\r\nX-Evil: 1", "ws://[::1:5178/ws", "ws://h\xc3\xa9/ws"}) {
    CAPTURE(url);
    const auto result = complete_url(url);
    CHECK_FALSE(result.ok());
    CHECK(result.error().find("the address is '" + std::string(url) + "'") == 0);
  }
}

TEST_CASE("address: what is left out is filled in") {
  CHECK(*complete_url("ws://127.0.0.1:5178/ws") == "ws://127.0.0.1:5178/ws");
  CHECK(*complete_url("ws://127.0.0.1") == "ws://127.0.0.1:5178/ws");
  CHECK(*complete_url("ws://127.0.0.1:9/") == "ws://127.0.0.1:9/ws");
  CHECK(*complete_url("localhost:9") == "ws://localhost:9/ws");
  CHECK(*complete_url("ws://host/a/b?c=d") == "ws://host:5178/a/b?c=d");
  CHECK(*complete_url("ws://[::1]:9/ws") == "ws://[::1]:9/ws");
  CHECK(*complete_url("ws://[::1]") == "ws://[::1]:5178/ws");
  CHECK(*complete_url("wss://bridge.example") == "wss://bridge.example:5178/ws");
  CHECK(*complete_url("wss://[::1]:9/ws") == "wss://[::1]:9/ws");
}
