// Whoever serves WebSocket clients: one server on the log's thread, or several, each on a thread of
// its own.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <asio/io_context.hpp>

#include "base/address.h"
#include "base/result.h"
#include "commands/own_commands.h"
#include "log/event_log.h"
#include "net/client_server.h"
#include "net/client_thread.h"
#include "net/inboxes.h"

namespace bridge {

// Lives on the log's thread. With one server the log is read where it is. With threads it is
// followed: each closed block is handed to all of them, and the open one is closed as soon as one
// of them has nothing to do. So a busy fan-out gets large blocks and an idle one gets events at
// once, as on one thread.
class ClientServers final : public ClientDirectory {
 public:
  // `main`: of the log's thread, on which `on_http` is asked, and `on_relieved` called when
  // congested() has ended.
  ClientServers(const ClientServerParts& main, ClientServersOptions options,
                const WsServer::HttpHandler& on_http, std::function<void()> on_relieved);
  ~ClientServers() override;

  // Opens the port and starts the threads.
  Result<bool> start();

  // From now on what the log closes is handed on. `extent` tells what the journal holds; empty
  // where there is none. Call once, before the first event and behind the journal, which must have
  // each block first.
  void follow_log(std::function<PastExtent()> extent);
  const Address& address() const;

  // Copies of what they listen with, which go on listening when these are gone; the caller's to close. REQUIRES: start()
  // has succeeded, and drain() was not called.
  std::vector<int> copy_listening_sockets() const;

  // The log has grown. Call after each batch of appends.
  void announce();

  // So much waits for the threads that no more should come in. On one thread never: it reads no
  // more than it writes.
  bool congested() const;

  // What the journal holds has changed.
  void on_journal();

  // Events up to here may be delivered. REQUIRES: holds_back.
  void release(std::uint64_t seq);

  // As ClientServer::apply(), on all threads, and the limits of their logs. With one thread the log is the caller's.
  void apply(const ClientServersOptions& options);

  // Refuses clients from now on (503); those that are there are given what there is, their replies and then 1001, spread over
  // the time until `by_us` (steady).
  void drain_until(std::int64_t by_us);

  // Takes no more connections; every client gets what there is and then 1001. Idempotent.
  void drain();
  std::size_t client_count() const { return admission_->clients; }
  // Of blocks that wait for the threads, in the fullest inbox.
  std::size_t backlog_bytes() const { return inboxes_.bytes(); }

  // Ends the threads. Idempotent.
  void stop();

  void report(std::function<void(const ClientsReport&)> done) const override;
  void list(std::uint64_t connection, std::size_t max,
            std::function<void(const Clients&)> done) const override;

 private:
  template <class Part, class Ask>
  void gather(Ask ask, std::function<void(std::vector<Part>)> done) const;
  bool somebody_idle() const;
  void wake(const Inboxes::Sleepers& sleepers);
  void put_extent();
  void on_sealed(const BlockPtr& block);
  void on_idle(std::size_t index);
  // Has each thread run `f` with itself, in order with what else is in its inbox.
  void call_each(const std::function<void(ClientThread&)>& f) const;

  // What a thread and the log's tell each other without a lock.
  struct State {
    std::atomic<bool> idle{true};  // it has handed on all that it was given
  };

  asio::io_context& io_;
  EventLog& log_;
  const std::function<void()> on_relieved_;
  std::function<PastExtent()> extent_;
  const std::shared_ptr<Admission> admission_;
  std::unique_ptr<ClientServer> local_;  // the one on the log's thread
  Inboxes inboxes_;
  std::vector<std::unique_ptr<State>> states_;
  std::vector<std::unique_ptr<ClientThread>> threads_;
  std::atomic<bool> gathering_{false};  // the open block holds events that nobody had time for
  mutable std::atomic<bool> congested_{false};
  bool stopped_ = false;
};

}  // namespace bridge
