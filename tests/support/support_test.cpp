// The test support itself: what other tests lean on.
#include <doctest/doctest.h>

#include <stdexcept>
#include <string>
#include <system_error>

#include "support/bridge_process.h"
#include "support/http.h"
#include "support/json.h"
#include "support/process.h"
#include "support/tcp_socket.h"
#include "support/websocket_frame.h"

using namespace testing_support;

TEST_CASE("process: a program that cannot be started is an exception") {
  CHECK_THROWS_AS(Process({"/nonexistent/program"}), std::system_error);
  CHECK_THROWS_AS(Process({"sh"}, {{}, "/nonexistent", 100}), std::system_error);
  CHECK_THROWS_AS(Process({}), std::system_error);
}

TEST_CASE("process: lines are found once each, in order, the last without its newline too") {
  Process process({"sh", "-c", "echo a; echo b 1; echo b 2; echo error >&2; printf tail; exit 3"});
  CHECK(process.wait_exit() == 3);
  CHECK_FALSE(process.running());
  CHECK(process.wait_line("b") == "b 1");
  CHECK(process.wait_line("b") == "b 2");
  CHECK_FALSE(process.wait_line("b"));
  CHECK(process.wait_line("tail") == "tail");
  CHECK(process.stdout_lines().size() == 4);
  CHECK(process.stderr_text() == "error\n");
}

TEST_CASE("process: what is kept of its output is bounded, and the newest stays") {
  Process process({"sh", "-c", "for i in $(seq 2000); do echo line $i; echo error >&2; done"},
                  {{}, {}, 1000});
  CHECK(process.wait_exit() == 0);
  CHECK(process.stderr_text().size() <= 1000);
  CHECK(process.stdout_lines().size() <= 1000 / 6);
  CHECK(process.wait_line("line 2000"));
}

TEST_CASE("process: the destructor leaves nothing of its group running") {
  pid_t group = 0;
  {
    Process process({"sh", "-c", "sleep 1000 & sleep 1000"});
    group = process.pid();
    CHECK(wait_until([&] { return process.group_members().size() == 3; }));
    process.signal(SIGTERM);
    CHECK(process.wait_exit() == -SIGTERM);
    CHECK(process.group_members().size() == 2);
  }
  CHECK(wait_until([&] { return ::kill(-group, 0) != 0; }));
}

TEST_CASE("process: environment, directory, CPU time and memory are the child's") {
  Process process({"sh", "-c", "echo $NAME; pwd; while :; do :; done"}, {{"NAME=value"}, "/", 100});
  CHECK(process.wait_line("value"));
  CHECK(process.wait_line("/"));
  CHECK(wait_until([&] { return cpu_seconds(process.pid()) > 0.02; }));
  CHECK(resident_bytes(process.pid()) > 100'000);
}

TEST_CASE("bridge process: one that never gets ready is an exception that shows why") {
  BridgeOptions options;
  options.program = "/bin/ls";
  CHECK_THROWS_AS(BridgeProcess{options}, std::runtime_error);
  CHECK(parse_ready_line("ready ws=ws://h:1/ws events_in=tcp://h:2").at("events_in") ==
        "tcp://h:2");
}

TEST_CASE("address: every form that a ready line has, and no other") {
  CHECK_THROWS(parse_address("nothing"));
  CHECK_THROWS(parse_address("host:99999"));
  CHECK_THROWS(parse_address("host:80x"));
  CHECK(parse_address("[::1]:80").host == "::1");
  CHECK(parse_address("tcp://127.0.0.1:5556").port == 5556);
  CHECK(parse_address("ws://127.0.0.1:5178/ws").text() == "127.0.0.1:5178");
}

TEST_CASE("tcp: a refused connection is an exception") {
  CHECK_THROWS_AS(TcpSocket::connect({"127.0.0.1", 1}), std::system_error);
}

TEST_CASE("http: an answer's head is taken apart, and what is none is refused") {
  CHECK_THROWS(parse_http_head("SSH-2.0-OpenSSH"));
  const HttpResponse response =
      parse_http_head("HTTP/1.1 404 Not Found\r\nContent-Length:  12 \r\nX-A: b: c");
  CHECK(response.status == 404);
  CHECK(response.reason == "Not Found");
  CHECK(response.header("content-length") == "12");
  CHECK(response.header("x-a") == "b: c");
  CHECK(response.header("absent").empty());
}

TEST_CASE("frames: what is encoded is decoded, at every edge of the length") {
  for (const std::size_t size : {0u, 1u, 125u, 126u, 65535u, 65536u}) {
    for (const bool masked : {false, true}) {
      FrameSpec spec;
      spec.payload.assign(size, 'x');
      spec.masked = masked;
      const std::string bytes = encode_frame(spec);
      const auto header = decode_frame_header(bytes);
      REQUIRE(header);
      CHECK(header->masked == masked);
      CHECK(header->payload_bytes == size);
      CHECK(header->header_bytes + size == bytes.size());
      for (std::size_t part = 0; part < header->header_bytes; ++part) {
        CHECK_FALSE(decode_frame_header(bytes.substr(0, part)));
      }
    }
  }
}

TEST_CASE("frames: the accept key of RFC 6455, 1.3") {
  CHECK(websocket_accept("dGhlIHNhbXBsZSBub25jZQ==") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
  CHECK(websocket_key().size() == 24);
}

TEST_CASE("json: what is missing or of another kind is an exception") {
  const Json json(R"({"a":[1,{"b":"x","c":1.5,"d":true}],"n":null,"big":9223372036854775807})");
  CHECK_THROWS(Json("{"));
  CHECK_THROWS(json.string("/absent"));
  CHECK_THROWS(json.string("/a"));
  CHECK_THROWS(json.integer("/a/1/c"));
  CHECK(json.has("/n"));
  CHECK(json.string("/a/1/b") == "x");
  CHECK(json.integer("/big") == 9223372036854775807);
  CHECK(json.number("/a/1/c") == 1.5);
  CHECK(json.boolean("/a/1/d"));
  CHECK(json.size("/a") == 2);
  CHECK(json.dump("/a/1") == R"({"b":"x","c":1.5,"d":true})");
  CHECK(json_quoted("a\"\n") == R"("a\"\n")");
}
