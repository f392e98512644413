// TLS handshakes of one server: when each begins, how long it may take, and what becomes of who speaks plainly.
#pragma once

#include <chrono>
#include <deque>
#include <map>
#include <memory>
#include <string>

#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>

#include "net/tls_context.h"
#include "tls/either_socket.h"

namespace bridge {

// What a server greets its connections with. A handshake for which there is no time yet waits, in rotation among
// the addresses: who opens many delays himself. How many wait is bounded by those who may be connected.
//
// Lives on the loop's thread, and as long as connections that it has begun with. Their arithmetic is done on the
// context's thread, a step at a time; while one is under way, the connection's socket stays open.
class TlsGreeting {
 public:
  using Done = websocketpp::transport::asio::socket::init_handler;

  TlsGreeting(asio::io_context& io, TlsContext& context)
      : io_(io), context_(context), thread_(context.thread()), timer_(io) {}
  // Waits for the steps that are under way, some milliseconds.
  ~TlsGreeting();

  // Calls `done` once: TLS is spoken from here on, or the connection is to end, at its open_by() at the latest.
  void begin(const tls::EitherConnectionPtr& connection, Done done);
  // The same for who is turned away while it is under way.
  void abandon(tls::EitherConnection& connection);

 private:
  struct Guest {
    Guest(asio::io_context& io, tls::EitherConnectionPtr c, Done d)
        : connection(std::move(c)), done(std::move(d)), deadline(io) {}
    tls::EitherConnectionPtr connection;
    Done done;  // empty once it was called
    asio::steady_timer deadline;
    std::string peer;
    std::chrono::steady_clock::time_point waits_since;
    bool at_work = false;  // a step is under way
    bool ended = false;    // meanwhile
  };
  using GuestPtr = std::shared_ptr<Guest>;

  void look(const GuestPtr& guest);
  void enqueue(const GuestPtr& guest);
  void next();
  void wait_for_next();
  void handshake(const GuestPtr& guest);
  void step(const GuestPtr& guest);
  void stepped(const GuestPtr& guest, tls::EitherStream::Want want);
  void greeted(const GuestPtr& guest);
  void answer_plain(const GuestPtr& guest);
  void drain(const GuestPtr& guest);
  void set_deadline(const GuestPtr& guest);
  void end(const GuestPtr& guest, bool well);

  asio::io_context& io_;
  TlsContext& context_;
  asio::thread_pool& thread_;
  std::map<tls::EitherConnection*, GuestPtr> guests_;
  std::map<std::string, std::deque<GuestPtr>> waiting_;  // by peer; none is empty
  std::string last_peer_;                                // whose turn was last
  asio::steady_timer timer_;
  bool timing_ = false;
};

}  // namespace bridge
