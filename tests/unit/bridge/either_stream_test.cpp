// TLS on a descriptor: what is written in pieces arrives whole, and keys do not serve for ever.
#include "tls/either_stream.h"

#include <doctest/doctest.h>

#include <sys/uio.h>

#include <random>
#include <string>
#include <thread>
#include <vector>

#include <asio/write.hpp>

#include "net/tls_context.h"
#include "support/certificate.h"
#include "support/tcp_socket.h"

using bridge::TlsContext;
using bridge::TlsOptions;
using tls::EitherStream;

namespace {

TlsContext& context() {
  static TlsContext* const one = [] {
    const auto& files = testing_support::shared_certificate();
    TlsOptions options;
    options.certificate = files.certificate;
    options.key = files.key;
    options.kernel = false;
    auto* const made = new TlsContext(options);
    REQUIRE(made->load().ok());
    return made;
  }();
  return *one;
}

// Counts the messages of TLS by which a peer changes his key.
void count_key_updates(int writes, int, int type, const void* bytes, size_t size, SSL*, void* count) {
  const bool is = type == SSL3_RT_HANDSHAKE && size > 0 && *static_cast<const unsigned char*>(bytes) == SSL3_MT_KEY_UPDATE;
  if (writes == 0 && is) ++*static_cast<int*>(count);
}

// A stream and who reads it, over TCP on loopback.
struct Pair {
  explicit Pair(int version, std::uint64_t records_max = EitherStream::kRecordsMax) {
    asio::ip::tcp::acceptor acceptor(io, {asio::ip::make_address("127.0.0.1"), 0});
    reader = testing_support::TcpSocket::connect({"127.0.0.1", acceptor.local_endpoint().port()},
                                                 testing_support::kPatience, 4096);
    acceptor.accept(stream.socket());
    stream.socket().set_option(asio::socket_base::send_buffer_size(4096));
    stream.secure(context().accept(), records_max);
    std::thread greeting([&] { reader.start_tls({0, version}); });
    bool well = false;
    stream.async_handshake([&](asio::error_code ec) { well = !ec; });
    io.run();
    io.restart();
    greeting.join();
    REQUIRE(well);
    SSL_set_msg_callback(reader.ssl(), count_key_updates);
    SSL_set_msg_callback_arg(reader.ssl(), &key_updates);
  }

  // Reads all that comes on a thread, while `write` runs.
  template <class Write>
  std::string read_while(std::size_t bytes, Write write) {
    std::string got;
    std::thread reading([&] {
      while (got.size() < bytes && reader.receive(got) == testing_support::TcpSocket::Read::kData) {
      }
    });
    write();
    reading.join();
    return got;
  }

  asio::io_context io;
  EitherStream stream{io};
  testing_support::TcpSocket reader;
  int key_updates = 0;
};

}  // namespace

TEST_CASE("either stream: pieces of all sizes arrive in order, however little the socket takes at a time") {
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    Pair pair(version);
    std::mt19937 random(7);
    std::string sent;
    std::vector<std::vector<std::string>> writes(300);
    for (auto& pieces : writes) {
      pieces.resize(1 + random() % 40);
      for (std::string& piece : pieces) {
        const std::size_t size = random() % (random() % 8 == 0 ? 60'000 : 700);
        for (std::size_t i = 0; i < size; ++i) piece += static_cast<char>(random());
        sent += piece;
      }
    }
    const std::string got = pair.read_while(sent.size(), [&] {
      // As the transport does: what goes at once, and the rest the usual way.
      for (const auto& pieces : writes) {
        std::vector<iovec> vectors;
        for (const std::string& piece : pieces) {
          if (!piece.empty()) vectors.push_back({const_cast<char*>(piece.data()), piece.size()});
        }
        std::size_t written = pair.stream.write_now(vectors.data(), vectors.size());
        std::vector<asio::const_buffer> rest;
        for (const iovec& vector : vectors) {
          const std::size_t skipped = std::min(written, vector.iov_len);
          written -= skipped;
          if (skipped == vector.iov_len) continue;
          rest.emplace_back(static_cast<const char*>(vector.iov_base) + skipped, vector.iov_len - skipped);
        }
        asio::async_write(pair.stream, rest, [](asio::error_code ec, std::size_t) { REQUIRE_FALSE(ec); });
        pair.io.run();
        pair.io.restart();
      }
    });
    CHECK(got.size() == sent.size());
    CHECK((got == sent));
  }
}

TEST_CASE("either stream: a key is changed when it has served its time, and said to be worn where it cannot") {
  constexpr std::size_t kRecords = 1050;
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    Pair pair(version, 100);
    const std::string got = pair.read_while(kRecords, [&] {
      for (std::size_t i = 0; i < kRecords; ++i) {
        asio::async_write(pair.stream, asio::buffer("x", 1), [](asio::error_code ec, std::size_t) { REQUIRE_FALSE(ec); });
        pair.io.run();
        pair.io.restart();
        if (i == 99) CHECK_FALSE(pair.stream.key_is_worn());
      }
    });
    CHECK(got == std::string(kRecords, 'x'));
    CHECK(pair.stream.key_is_worn() == (version == TLS1_2_VERSION));
    CHECK(pair.key_updates == (version == TLS1_2_VERSION ? 0 : 10));
  }
}

TEST_CASE("either stream: a peer's key updates, and his end, are taken in their stride") {
  Pair pair(TLS1_3_VERSION);
  std::string got;
  char buffer[64];
  for (int i = 0; i < 50; ++i) {
    REQUIRE(SSL_key_update(pair.reader.ssl(), SSL_KEY_UPDATE_REQUESTED) == 1);
    REQUIRE(pair.reader.send_all("hello"));
    pair.stream.async_read_some(asio::buffer(buffer), [&](asio::error_code ec, std::size_t size) {
      REQUIRE_FALSE(ec);
      got.append(buffer, size);
    });
    pair.io.run();
    pair.io.restart();
  }
  CHECK(got.size() == 250);
  CHECK(pair.read_while(3, [&] {
    const iovec vector{const_cast<char*>("bye"), 3};
    CHECK(pair.stream.write_now(&vector, 1) == 3);
  }) == "bye");
  pair.reader.close();
  asio::error_code ended;
  pair.stream.async_read_some(asio::buffer(buffer), [&](asio::error_code ec, std::size_t) { ended = ec; });
  pair.io.run();
  CHECK(ended == asio::error::eof);
}
