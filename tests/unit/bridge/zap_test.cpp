// ZAP as libzmq speaks it, key files, and how often a stolen name is told of.

#include <doctest/doctest.h>

#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <string>
#include <vector>

#include <asio/io_context.hpp>
#include <zmq.hpp>

#include "access/authenticator.h"
#include "net/curve_keys.h"
#include "net/zap_handler.h"
#include "sources/refused_sources.h"
#include "support/scratch_directory.h"

using namespace bridge;

namespace {

using ZapFrames = std::vector<std::string>;

// The bridge's end, and libzmq's.
class Zap {
 public:
  explicit Zap(const Authenticator* authenticator) : handler_(io_, context_, authenticator, clock_, {4'000'000'001}) {
    handler_.start();
    asker_.set(zmq::sockopt::linger, 0);
    asker_.connect("inproc://zeromq.zap.01");
  }
  ZapFrames ask(const ZapFrames& request) {
    for (std::size_t i = 0; i < request.size(); ++i) {
      asker_.send(zmq::buffer(request[i]), i + 1 < request.size() ? zmq::send_flags::sndmore : zmq::send_flags::none);
    }
    ZapFrames reply;
    zmq::message_t frame;
    for (int tries = 0; tries < 2000 && reply.empty(); ++tries) {
      io_.run_for(std::chrono::milliseconds(5));
      while (asker_.recv(frame, zmq::recv_flags::dontwait)) {
        reply.push_back(frame.to_string());
        if (!frame.more()) return reply;  // a REQ that has its reply is not to be read from
      }
    }
    return reply;
  }
  // The User-Id; "" where it is refused.
  std::string user(const std::string& domain, const std::string& mechanism, const std::string& credentials,
                   const std::string& address = "10.0.0.7") {
    const ZapFrames reply = ask({"1.0", "7", domain, address, "", mechanism, credentials});
    REQUIRE(reply.size() == 6);
    CHECK(reply[0] == "1.0");
    CHECK(reply[1] == "7");
    CHECK((reply[2] == "200") == !reply[4].empty());
    if (reply[4].empty()) CHECK(reply[2] == "400");
    return reply[4];
  }
  ZapHandler& handler() { return handler_; }

 private:
  FakeClock clock_;
  asio::io_context io_;
  zmq::context_t context_;
  ZapHandler handler_;
  zmq::socket_t asker_{context_, zmq::socket_type::req};
};

std::string binary(const std::string& key) {
  std::string bytes(32, '\0');
  REQUIRE(zmq_z85_decode(reinterpret_cast<std::uint8_t*>(bytes.data()), key.c_str()) != nullptr);
  return bytes;
}

std::string line(const char* name, const char* role, const char* id, const std::string& key, std::int64_t expires_s = 0) {
  Credential credential{name, role, id, "", 1, expires_s, ""};
  credential.public_key = key;
  return credential_line(credential) + "\n";
}

}  // namespace

TEST_CASE("zap: who is let in where") {
  const testing_support::ScratchDirectory scratch;
  const std::string trainer = make_curve_keys().value().public_key;
  const std::string bot = make_curve_keys().value().public_key;
  const std::string expired = make_curve_keys().value().public_key;
  std::ofstream(scratch.file("c")) << line("t-1", "trainer", "aaaaaaaa", trainer) << line("b", "bot", "bbbbbbbb", bot)
                                   << line("old", "admin", "cccccccc", expired, 1);
  FakeClock clock;
  Authenticator authenticator(scratch.file("c"), clock);
  REQUIRE(authenticator.reload());
  Zap zap(&authenticator);
  CHECK(zap.user("events", "CURVE", binary(trainer)) == "aaaaaaaa");
  CHECK(zap.user("control", "CURVE", binary(trainer)) == "aaaaaaaa");
  CHECK(zap.user("out", "CURVE", binary(trainer)).empty());
  CHECK(zap.user("commands", "CURVE", binary(trainer)).empty());
  CHECK(zap.user("commands", "CURVE", binary(bot)) == "bbbbbbbb");
  CHECK(zap.user("out", "CURVE", binary(bot)) == "bbbbbbbb");
  CHECK(zap.user("events", "CURVE", binary(bot)).empty());
  CHECK(zap.handler().admitted("control/t-1").empty());
  CHECK(zap.user("control/t-2", "CURVE", binary(trainer)).empty());
  CHECK(zap.user("control/t-1", "CURVE", binary(trainer)) == "aaaaaaaa");
  CHECK(zap.handler().admitted("control/t-1") == "aaaaaaaa");
  CHECK(zap.user("events", "CURVE", binary(expired)).empty());
  CHECK(zap.user("events", "CURVE", binary(make_curve_keys().value().public_key)).empty());
  for (const std::string& credentials : {std::string(), std::string(31, 'x'), binary(trainer) + "x", trainer}) {
    CHECK(zap.user("events", "CURVE", credentials).empty());
  }
  // Without a key nobody gets to where keys are asked for, and with one nobody to where they are not.
  for (const char* domain : {"events", "out", "commands", "control", "control/t-1", "", "global"}) {
    CHECK(zap.user(domain, "NULL", "").empty());
    CHECK(zap.user(domain, "PLAIN", "user").empty());
  }
  CHECK(zap.user("local", "CURVE", binary(trainer)).empty());
  CHECK(zap.user("local", "NULL", "") == "local");
  const std::string own = std::to_string(::geteuid());
  CHECK(zap.user("ipc", "NULL", "", "localhost:" + own + ":0:1") == "ipc");
  CHECK(zap.user("ipc", "NULL", "", "localhost:4000000001:0:1") == "ipc");
  for (const std::string& address : {"localhost:4000000002:" + own + ":1", std::string("localhost:"), "localhost:" + own,
                                     std::string("10.0.0.7"), std::string(), "localhost:-1:0:1" + own}) {
    CAPTURE(address);
    CHECK(zap.user("ipc", "NULL", "", address).empty());
  }
  CHECK(zap.user("local", "PLAIN", "user").empty());
}

TEST_CASE("zap: what is no request is refused, and the next one is answered") {
  Zap zap(nullptr);
  for (const ZapFrames& request : {ZapFrames{"2.0", "7", "local", "", "", "NULL"}, ZapFrames{"1.0"}, ZapFrames{"", ""},
                                ZapFrames(20, "x")}) {
    const ZapFrames reply = zap.ask(request);
    REQUIRE(reply.size() == 6);
    CHECK(reply[2] == "400");
  }
  CHECK(zap.user("local", "NULL", "") == "local");
  CHECK(zap.user("events", "CURVE", std::string(32, 'k')).empty());  // nobody has a key
}

TEST_CASE("curve: a key file is made once, and only its owner may read it") {
  const testing_support::ScratchDirectory scratch;
  const std::string path = scratch.path() + "/a/server.key";
  const CurveKeys keys = make_curve_keys().value();
  const std::string text = keys.public_key + "\n" + keys.secret_key + "\n";
  REQUIRE(write_key_file(path, text));
  struct stat about {};
  REQUIRE(::stat(path.c_str(), &about) == 0);
  CHECK((about.st_mode & 0777) == 0600);
  CHECK_FALSE(write_key_file(path, text));
  CHECK(load_server_keys(path).value().secret_key == keys.secret_key);
  for (const mode_t mode : {0640, 0604, 0660}) {
    REQUIRE(::chmod(path.c_str(), mode) == 0);
    CHECK(load_server_keys(path).error().message.find("can be read by others; run: chmod 600") != std::string::npos);
  }
  REQUIRE(::chmod(path.c_str(), 0600) == 0);
  const std::string other = make_curve_keys().value().public_key;
  for (const std::string& wrong : {std::string(), keys.public_key, keys.secret_key + "\n" + keys.public_key, text + other,
                                   other + "\n" + keys.secret_key, std::string(5000, 'x')}) {
    std::ofstream(path) << wrong;
    CHECK_FALSE(load_server_keys(path));
  }
  CHECK_FALSE(load_server_keys(scratch.path()));
  CHECK_FALSE(load_server_keys(path + ".none"));
}

TEST_CASE("refused sources: each is told of once a minute, and not too many of them") {
  RefusedSources refused;
  CHECK_FALSE(refused.tell("", 0));
  CHECK(refused.tell("a", 0));
  CHECK_FALSE(refused.tell("a", 59'999'999));
  CHECK(refused.tell("b", 1'000'000));
  CHECK(refused.tell("a", 60'000'000));
  std::size_t told = 0;
  for (int n = 0; n < 10'000; ++n) told += refused.tell("made-up-" + std::to_string(n), 60'000'000 + n) ? 1 : 0;
  CHECK(told == RefusedSources::kSourcesMax - 2);
  CHECK_FALSE(refused.tell("late", 60'500'000));
  CHECK(refused.tell("late", 61'000'000));  // b's minute is over
  CHECK(refused.tell("later", 130'000'000));
}
