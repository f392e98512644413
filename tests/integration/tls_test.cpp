// TLS on the WebSocket and HTTP port: what is spoken there, with whom, and what it may cost the others.

#include <doctest/doctest.h>

#include <sys/stat.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "feed/client.h"
#include "support/bridge_process.h"
#include "support/certificate.h"
#include "support/event_publisher.h"
#include "support/http.h"
#include "support/protocol_client.h"
#include "support/scratch_directory.h"

using namespace testing_support;

namespace {

BridgeOptions with_tls(const Certificate& files, std::vector<std::string> more = {}) {
  BridgeOptions options;
  options.settings = std::move(more);
  options.settings.push_back("tls.certificate=" + files.certificate);
  options.settings.push_back("tls.key=" + files.key);
  return options;
}

TcpAddress plainly(TcpAddress address) {
  address.tls = false;
  return address;
}

// Whether a client that insists on these gets through; the version spoken then.
int version_with(const TcpAddress& at, const TlsOptions& insists) {
  TcpSocket socket = TcpSocket::connect(plainly(at));
  try {
    socket.start_tls(insists);
  } catch (const std::runtime_error&) {
    return 0;
  }
  return SSL_version(socket.ssl());
}

// CPU time of its thread of that name, in microseconds.
double thread_cpu_us(pid_t pid, const std::string& name) {
  for (const auto& task : std::filesystem::directory_iterator("/proc/" + std::to_string(pid) + "/task")) {
    std::string its;
    double ns = 0;
    std::getline(std::ifstream(task.path() / "comm"), its);
    std::ifstream(task.path() / "schedstat") >> ns;
    if (its == name) return ns / 1000;
  }
  return 0;
}

std::string subject(const TcpAddress& at) {
  TcpSocket socket = TcpSocket::connect(at);
  char name[64] = "";
  X509_NAME_get_text_by_NID(X509_get_subject_name(SSL_get0_peer_certificate(socket.ssl())), NID_commonName, name,
                            sizeof name);
  return name;
}

double metric(const TcpAddress& at, const std::string& name) {
  const std::string text = http(at, "GET", "/metrics").body;
  const std::size_t found = text.find("\n" + name + " ");
  REQUIRE(found != std::string::npos);
  return std::stod(text.substr(found + name.size() + 2));
}

// What a client says first.
std::string client_hello() {
  SSL_CTX* const context = SSL_CTX_new(TLS_client_method());
  SSL* const ssl = SSL_new(context);
  BIO* const out = BIO_new(BIO_s_mem());
  SSL_set_bio(ssl, BIO_new(BIO_s_mem()), out);
  SSL_connect(ssl);
  char* bytes = nullptr;
  const long size = BIO_get_mem_data(out, &bytes);
  const std::string hello(bytes, static_cast<std::size_t>(size));
  SSL_free(ssl);
  SSL_CTX_free(context);
  return hello;
}

std::string exit_message(const std::vector<std::string>& settings, int code) {
  BridgeOptions options;
  options.settings = settings;
  Process process(bridge_command_line(options));
  CHECK(process.wait_exit() == code);
  return process.stderr_text();
}

bool closes(TcpSocket& socket, milliseconds within) {
  const Deadline deadline(within);
  std::string ignored;
  while (socket.receive(ignored, deadline.left()) == TcpSocket::Read::kData) {
  }
  return !deadline.passed();
}

void replace_file(const std::string& path, const std::string& text, mode_t mode) {
  std::ofstream(path) << text;
  REQUIRE(::chmod(path.c_str(), mode) == 0);
}

}  // namespace

TEST_CASE("tls: a certificate that cannot be used stops the start, and the message says why") {
  const ScratchDirectory directory;
  const Certificate good = make_certificate(directory.path(), "good");
  const Certificate other = make_certificate(directory.path(), "other");
  const std::string text = directory.file("text");
  replace_file(text, "no certificate", 0600);
  const auto message = [&](const std::string& certificate, const std::string& key, int code = 1) {
    return exit_message({"tls.certificate=" + certificate, "tls.key=" + key}, code);
  };
  const auto has = [](const std::string& all, const std::string& part) {
    CAPTURE(all);
    CHECK(all.find(part) != std::string::npos);
  };
  has(message(directory.file("none"), good.key), "tls.certificate: " + directory.file("none") + ": No such file");
  has(message(directory.path(), good.key), "is not a file");
  has(message(text, good.key), "tls.certificate: " + text + " holds no certificate in PEM");
  has(message(good.certificate, text), "tls.key: " + text + " holds no private key");
  has(message(good.certificate, other.key), "tls.key: " + other.key + " is not the key of " + good.certificate);
  REQUIRE(::chmod(good.key.c_str(), 0644) == 0);
  has(message(good.certificate, good.key), "is open to others; chmod 600 it");
  has(exit_message({"tls.certificate=" + good.certificate, "tls.key="}, 2), "tls.key is \"\"");
  has(exit_message({"tls.min_version=1.1"}, 2), "must be 1.2 or 1.3");
}

TEST_CASE("tls: versions, suites and protocols are today's, and no others") {
  BridgeProcess bridge(with_tls(shared_certificate()));
  const TcpAddress at = bridge.websocket();
  CHECK(bridge.address("ws").substr(0, 6) == "wss://");
  CHECK(version_with(at, {}) == TLS1_3_VERSION);
  CHECK(version_with(at, {TLS1_2_VERSION, TLS1_2_VERSION}) == TLS1_2_VERSION);
  CHECK(version_with(at, {TLS1_1_VERSION, TLS1_1_VERSION}) == 0);
  CHECK(version_with(at, {TLS1_VERSION, TLS1_VERSION}) == 0);
  for (const char* suite : {"ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-CHACHA20-POLY1305"}) {
    CHECK(version_with(at, {0, TLS1_2_VERSION, suite}) == TLS1_2_VERSION);
  }
  for (const char* suite : {"ECDHE-ECDSA-AES128-SHA", "ECDHE-ECDSA-AES256-CCM", "AES128-GCM-SHA256", "ADH-AES128-GCM-SHA256",
                            "ECDHE-ECDSA-NULL-SHA"}) {
    CAPTURE(std::string(suite));
    CHECK(version_with(at, {0, TLS1_2_VERSION, suite}) == 0);
  }
  CHECK(version_with(at, {0, 0, nullptr, "\x08http/1.1"}) != 0);
  CHECK(version_with(at, {0, 0, nullptr, "\x02h2\x08http/1.1"}) != 0);
  CHECK(version_with(at, {0, 0, nullptr, "\x02h2"}) == 0);
  TcpSocket both = TcpSocket::connect(plainly(at));
  both.start_tls({0, 0, nullptr, "\x02h2\x08http/1.1"});
  const unsigned char* chosen = nullptr;
  unsigned size = 0;
  SSL_get0_alpn_selected(both.ssl(), &chosen, &size);
  CHECK(std::string(reinterpret_cast<const char*>(chosen), size) == "http/1.1");
  BridgeProcess strict(with_tls(shared_certificate(), {"tls.min_version=1.3"}));
  CHECK(version_with(strict.websocket(), {}) == TLS1_3_VERSION);
  CHECK(version_with(strict.websocket(), {0, TLS1_2_VERSION}) == 0);
}

TEST_CASE("tls: what works plainly works over it, and the page's own origin is https") {
  BridgeProcess bridge(with_tls(shared_certificate()));
  const TcpAddress at = bridge.websocket();
  ProtocolClient client(at);
  client.request(R"({"action":"register"})");
  const std::string body = R"({"type":"t","data":{"x":")" + std::string(100'000, 'x') + "\"}}";
  CHECK(http(at, "POST", "/submit_event", {{"Origin", "https://" + at.text()}}, body).status == 200);
  CHECK(http(at, "POST", "/submit_event", {{"Origin", "http://" + at.text()}}, body).status == 403);
  CHECK(client.next_event().string("/type") == "t");
  CHECK(http(at, "GET", "/readyz").body == "ready\n");
  CHECK(metric(at, "ppo_bridge_tls_connections{ktls=\"no\"}") + metric(at, "ppo_bridge_tls_connections{ktls=\"yes\"}") >= 2);
  CHECK(metric(at, "ppo_bridge_tls_not_after_timestamp_seconds") > static_cast<double>(std::time(nullptr)) + 29 * 86'400);
}

TEST_CASE("tls: who speaks plainly is told to speak TLS, and the other way about") {
  BridgeProcess bridge(with_tls(shared_certificate()));
  const TcpAddress at = bridge.websocket();
  for (const std::string& body : {std::string(), std::string(200'000, 'x')}) {
    const HttpResponse answer = http(plainly(at), "POST", "/submit_event", {}, body);
    CHECK(answer.status == 400);
    CHECK(answer.header("Content-Type") == "text/plain; charset=utf-8");
    CHECK(answer.body == "this port speaks TLS: use https:// and wss://\n");
  }
  CHECK(RawWebSocket::try_connect(plainly(at)).status == 400);
  CHECK(metric(at, "ppo_bridge_tls_plain_requests_total") == 3);
  BridgeOptions options;
  options.settings = {"tls.certificate=", "tls.key="};
  BridgeProcess plain(options);
  TcpSocket socket = TcpSocket::connect(plain.websocket());
  const Deadline deadline(milliseconds{3000});
  CHECK_THROWS(socket.start_tls());
  CHECK_FALSE(deadline.passed());
}

TEST_CASE("tls: a handshake that stalls is closed, wherever it does") {
  BridgeProcess bridge(with_tls(shared_certificate(), {"websocket.handshake_timeout_s=1"}));
  const TcpAddress at = bridge.websocket();
  const std::string hello = client_hello();
  TcpSocket silent = TcpSocket::connect(plainly(at));
  TcpSocket half = TcpSocket::connect(plainly(at));
  REQUIRE(half.send_all(hello.substr(0, hello.size() / 2)));
  TcpSocket whole = TcpSocket::connect(plainly(at));
  REQUIRE(whole.send_all(hello));
  TcpSocket request = TcpSocket::connect(at);
  REQUIRE(request.send_all("GET /ws HTTP/1.1\r\n"));
  TcpSocket plain = TcpSocket::connect(plainly(at));
  REQUIRE(plain.send_all("GET"));
  for (TcpSocket* socket : {&silent, &half, &whole, &request, &plain}) CHECK(closes(*socket, milliseconds{10'000}));
  CHECK(http(at, "GET", "/healthz").status == 200);
  TcpSocket nonsense = TcpSocket::connect(plainly(at));
  REQUIRE(nonsense.send_all("\x16\x03\x01" + std::string(5000, '\xff')));
  CHECK(closes(nonsense, milliseconds{500}));
  // A client is not under way.
  ProtocolClient client(at);
  CHECK_FALSE(client.try_next_message(milliseconds{1500}));
  CHECK(client.request(R"({"action":"ping"})").string("/status") == "pong");
}

TEST_CASE("tls: who reads slowly gets every event in order, with his pongs among them") {
  for (const int version : {TLS1_3_VERSION, TLS1_2_VERSION}) {
    BridgeProcess bridge(with_tls(shared_certificate(), {"websocket.send_buffer_bytes=4096"}));
    const TcpAddress at = bridge.websocket();
    CAPTURE(version);
    WebSocketOptions slow;
    slow.receive_buffer_bytes = 4096;
    slow.tls.max_version = version;
    ProtocolClient client(at, slow);
    client.request(R"({"action":"register"})");
    constexpr std::int64_t kEvents = 20'000;
    std::thread publishing([&] {
      EventPublisher publisher(bridge.events_in());
      for (std::int64_t n = 1; n <= kEvents; ++n) {
        const std::string padding(static_cast<std::size_t>(n % 700), 'x');
        (void)publisher.publish(event_body("t", R"({"n":)" + std::to_string(n) + R"(,"p":")" + padding + "\"}"));
      }
    });
    std::int64_t next = 1;
    int pongs = 0;
    int pings = 0;
    while (next <= kEvents) {
      if (next % 500 == 1 && pings <= next / 500) {
        ++pings;
        REQUIRE(client.connection().send_ping("p"));
        std::this_thread::sleep_for(milliseconds{10});  // it falls behind
      }
      const auto frame = client.connection().receive_frame();
      REQUIRE(frame);
      if (frame->opcode == Opcode::kPong) {
        ++pongs;
      } else if (frame->opcode == Opcode::kText) {
        REQUIRE(Json(frame->payload).integer("/data/n") == next++);
      }
    }
    publishing.join();
    CHECK(pings >= 30);
    CHECK(pongs >= 3);
  }
}

TEST_CASE("tls: a new certificate is shown from the next connection on, and nobody is closed") {
  const ScratchDirectory directory;
  const Certificate files = make_certificate(directory.path(), "first");
  BridgeProcess bridge(with_tls(files));
  const TcpAddress at = bridge.websocket();
  std::vector<ProtocolClient> clients;
  for (int i = 0; i < 100; ++i) {
    clients.emplace_back(at);
    clients.back().request(R"({"action":"register"})");
  }
  EventPublisher publisher(bridge.events_in());
  std::int64_t seq = 0;
  const auto all_get_the_next = [&] {
    ++seq;
    REQUIRE(publisher.publish(event_body("t")));
    for (ProtocolClient& client : clients) REQUIRE(client.next_event().integer("/seq") == seq);
  };
  const auto reload = [&](const std::string& log) {
    bridge.process().signal(SIGHUP);
    REQUIRE(wait_until([&] { return bridge.process().stderr_text().find(log) != std::string::npos; }));
    all_get_the_next();
  };
  const auto slurp = [](const std::string& path) {
    std::ifstream in(path);
    return std::string(std::istreambuf_iterator<char>(in), {});
  };
  all_get_the_next();
  CHECK(subject(at) == "first");
  const Certificate second = make_certificate(directory.path(), "second");
  const std::string second_certificate = slurp(second.certificate);
  const std::string second_key = slurp(second.key);

  // Each file broken in turn: the old one stays, and /readyz says why.
  const auto stays = [&](const std::string& why) {
    CAPTURE(why);
    reload(why);
    CHECK(subject(at) == "first");
    const HttpResponse ready = http(at, "GET", "/readyz");
    CHECK(ready.status == 200);
    CHECK(ready.body.find("tls: ") != std::string::npos);
    CHECK(ready.body.find(why) != std::string::npos);
  };
  replace_file(files.certificate, second_certificate, 0644);
  stays("is not the key of");
  replace_file(files.certificate, second_certificate.substr(0, 100), 0644);
  stays("holds no certificate in PEM");
  replace_file(files.certificate, second_certificate, 0644);
  replace_file(files.key, "", 0600);
  stays("holds no private key");
  replace_file(files.key, second_key, 0644);
  stays("is open to others");
  REQUIRE(std::remove(files.key.c_str()) == 0);
  stays("No such file");

  replace_file(files.key, second_key, 0600);
  reload("read the certificate anew");
  CHECK(subject(at) == "second");
  CHECK(http(at, "GET", "/readyz").body == "ready\n");
  const Certificate old = make_certificate(directory.path(), "old", {"127.0.0.1", -1});
  replace_file(files.certificate, slurp(old.certificate), 0644);
  replace_file(files.key, slurp(old.key), 0600);
  reload("was good until");
  CHECK(http(at, "GET", "/readyz").body.find("was good until") != std::string::npos);
  CHECK(metric(at, "ppo_bridge_tls_not_after_timestamp_seconds") < static_cast<double>(std::time(nullptr)));
}

TEST_CASE("tls: the feed trusts what it was given, and says each time that the bridge is another") {
  const ScratchDirectory directory;
  const Certificate good = make_certificate(directory.path(), "good");
  const Certificate other = make_certificate(directory.path(), "other");
  auto bridge = std::make_unique<BridgeProcess>(with_tls(good));
  const std::string port = std::to_string(bridge->websocket().port);
  const auto again = [&](const Certificate& files) {
    bridge.reset();
    bridge = std::make_unique<BridgeProcess>(with_tls(files, {"websocket.listen=127.0.0.1:" + port}));
  };
  feed::Options options;
  options.url = bridge->address("ws");
  options.ca = good.certificate;
  options.backoff = {milliseconds{10}, milliseconds{50}};
  feed::Client client(options);
  client.start();
  std::vector<std::string> reasons;
  const auto wait_for = [&](feed::Message::Kind kind) {
    const Deadline deadline(kPatience);
    while (!deadline.passed()) {
      const auto message = client.next(milliseconds{100});
      if (message && message->kind == feed::Message::Kind::kDisconnected) reasons.push_back(message->notice.reason);
      if (message && message->kind == kind) return true;
    }
    return false;
  };
  REQUIRE(wait_for(feed::Message::Kind::kConnected));
  again(other);
  const auto untrusted = [&] {
    return std::count_if(reasons.begin(), reasons.end(), [](const std::string& reason) {
      return reason.find("is signed by nobody that") != std::string::npos;
    });
  };
  while (untrusted() < 3) REQUIRE(wait_for(feed::Message::Kind::kDisconnected));
  again(good);
  REQUIRE(wait_for(feed::Message::Kind::kConnected));
  client.stop();
  // From the start it is refused for good.
  options.ca = other.certificate;
  feed::Client wary(options);
  wary.start();
  std::optional<feed::Message> last;
  while (auto message = wary.next(kPatience)) last = std::move(message);
  REQUIRE(last);
  CHECK(last->kind == feed::Message::Kind::kFailed);
  CHECK(last->notice.reason.find(other.certificate + " holds; it must hold the bridge's certificate") != std::string::npos);
}

// A server's part is to make a key, agree on a secret and sign: no less than 50 us where it is quickest.
TEST_CASE("tls: the arithmetic of handshakes is another thread's, not the loop's") {
  BridgeProcess bridge(with_tls(shared_certificate(), {"websocket.tls_handshakes_per_s_max=1000"}));
  const TcpAddress at = bridge.websocket();
  constexpr int kHandshakes = 100;
  const double before_us = thread_cpu_us(bridge.process().pid(), "tls");
  for (int n = 0; n < kHandshakes; ++n) TcpSocket::connect(at);
  CHECK(thread_cpu_us(bridge.process().pid(), "tls") - before_us > 50.0 * kHandshakes);
}

TEST_CASE("tls: a flood of handshakes is let in at its rate, and keeps neither events nor others waiting") {
  BridgeProcess bridge(with_tls(shared_certificate(), {"websocket.tls_handshakes_per_s_max=50"}));
  const TcpAddress at = bridge.websocket();
  ProtocolClient live(at);
  live.request(R"({"action":"register"})");
  const double before = metric(at, "ppo_bridge_tls_handshakes_failed_total");
  const std::string hello = client_hello();
  const auto begin = std::chrono::steady_clock::now();
  std::atomic<bool> stop{false};
  std::atomic<int> sent{0};
  std::thread flood([&] {
    std::vector<TcpSocket> open;
    while (!stop) {
      try {
        open.push_back(TcpSocket::connect(plainly(at), kPatience, 0, "127.0.0.2"));
        if (open.back().send_all(hello)) ++sent;
      } catch (const std::exception&) {
      }
      if (open.size() > 100) open.clear();
      if (sent % 10 == 0) std::this_thread::sleep_for(milliseconds{5});  // 2,000 a second
    }
  });
  REQUIRE(wait_until([&] { return sent > 300; }));
  EventPublisher publisher(bridge.events_in());
  for (std::int64_t n = 1; n <= 200; ++n) {
    REQUIRE(publisher.publish(event_body("t")));
    REQUIRE(live.next_event(milliseconds{2000}).integer("/seq") == n);
    // Another address has its turn among them.
    if (n % 50 == 0) {
      const Deadline deadline(milliseconds{3000});
      CHECK(http(at, "GET", "/healthz").status == 200);
      CHECK_FALSE(deadline.passed());
    }
  }
  REQUIRE(wait_until([&] { return sent > 2000; }));
  stop = true;
  flood.join();
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  const double worked = metric(at, "ppo_bridge_tls_handshakes_failed_total") - before;
  CHECK(worked < 50 * took.count() + 20);
  CHECK(worked < sent / 2);
}
