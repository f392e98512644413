// A thread that serves clients: a server, and the log as it sees it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>

#include "base/clock.h"
#include "base/counters.h"
#include "base/result.h"
#include "base/work_queue.h"
#include "log/event_log.h"
#include "log/past_reader.h"
#include "net/client_server.h"
#include "net/inboxes.h"
#include "stream/snapshot.h"

namespace bridge {

// A PastReader on a thread that is not the log's. What the journal holds it knows from the inbox;
// what it asks for is brought back through the inbox.
class PostedPastReader final : public PastReader {
 public:
  // `call` runs a function on this reader's thread, later; from any thread.
  PostedPastReader(PastReader* journal, std::function<void(std::function<void()>)> call)
      : journal_(journal), call_(std::move(call)) {}

  void set_extent(std::shared_ptr<const PastExtent> extent) { extent_ = std::move(extent); }

  std::uint64_t first_seq() const override { return extent_ ? extent_->first_seq : 1; }
  std::uint64_t last_seq() const override { return extent_ ? extent_->last_seq : 0; }
  bool readable() const override { return !extent_ || extent_->readable; }
  bool holds(std::uint64_t from_seq, std::uint64_t to_seq) const override {
    return extent_ && extent_->holds(from_seq, to_seq);
  }
  void read(std::uint64_t from_seq, std::function<void(Slice)> done) override {
    journal_->read(from_seq, brought_back(std::move(done)));
  }
  void read_back(std::uint64_t to_seq, std::function<void(Slice)> done) override {
    journal_->read_back(to_seq, brought_back(std::move(done)));
  }
  void find_time(std::int64_t timestamp_us, std::function<void(std::uint64_t)> done) override {
    journal_->find_time(timestamp_us, brought_back(std::move(done)));
  }
  void find_last(LookBack look_back, std::function<void(std::uint64_t, bool)> done) override {
    journal_->find_last(std::move(look_back), brought_back(std::move(done)));
  }
  void find_types(TypeSearch search, std::function<void(const TypeStretch&)> done) override {
    journal_->find_types(std::move(search), brought_back(std::move(done)));
  }

 private:
  template <class... Answer>
  std::function<void(Answer...)> brought_back(std::function<void(Answer...)> done) const {
    return [call = call_, done = std::move(done)](Answer... answer) {
      call([done, answer...] { done(answer...); });
    };
  }

  PastReader* const journal_;  // whose questions may come from any thread; null: nobody asks
  const std::function<void(std::function<void()>)> call_;
  std::shared_ptr<const PastExtent> extent_;
};

struct ClientServersOptions {
  std::size_t threads = 1;  // 1: the log's own
  WsServerOptions server;
  std::vector<int> listening_sockets;  // for server.listening_socket of each, in rotation; empty: none
  LogStart log_start;
  HistoryLimits history_limits;
  bool holds_back = false;  // readers get only what release() names
};

// Made, started and stopped on the log's thread; what else is called there says so.
class ClientThread {
 public:
  // `index`: its inbox. `main`: of the log's thread, on which `on_http` is called; what its past is
  // asked may come from any thread. `on_idle` is called on this thread when it has handed on all that
  // it was given.
  ClientThread(std::size_t index, Inboxes& inboxes, const ClientServerParts& main,
               const ClientServersOptions& options, WsServer::HttpHandler on_http,
               std::function<void()> on_idle);
  ~ClientThread() { stop(); }

  // Its start() opens the port, and run() serves it.
  ClientServer& server() { return server_; }
  void run();

  // Looks into its inbox soon. Any thread.
  void wake();

  // Puts a call into its inbox: it runs there, in order with the blocks. Any thread.
  void call(std::function<void()> f);

  // For calls through the inbox only: they run on this thread.
  void release(std::uint64_t seq) { log_.release(seq); }
  void follow_epochs(const std::vector<EpochStart>& epochs) { log_.follow_epochs(epochs); }
  void apply(const ClientServersOptions& options) {
    log_.set_limits(options.history_limits);
    server_.apply(options.server);
  }
  ClientsReport report() const;

  // Ends the thread; what clients have not been sent is lost. Idempotent.
  void stop();

 private:
  // Brings commands to the dispatcher and their replies back.
  class PostedCommands final : public CommandTaker {
   public:
    explicit PostedCommands(ClientThread& thread) : thread_(thread) {}
    void execute(const rapidjson::Value& request, const std::string& id_json,
                 const Requester& requester, Reply reply) override;

   private:
    ClientThread& thread_;
  };

  void ask_page(const HttpRequest& request, bool own_origin, const HttpAnswer& answer);
  bool take_post(std::size_t bytes_max);
  void catch_up();

  const std::size_t index_;
  Inboxes& inboxes_;
  const ClientServerParts main_;
  const WsServer::HttpHandler on_http_;
  const std::function<void()> on_idle_;
  asio::io_context io_{1};
  asio::executor_work_guard<asio::io_context::executor_type> work_;
  Counters counters_;
  Snapshot snapshot_;
  EventLog log_;
  WorkQueue work_queue_;
  PostedPastReader past_;
  PostedCommands dispatcher_;
  ClientServer server_;
  bool taking_ = false;  // of the post, right now
  std::uint64_t asked_ = 0;                      // pages, of the log's thread
  std::map<std::uint64_t, HttpAnswer> answers_;  // by number: one a connection at most
  std::thread thread_;
};

}  // namespace bridge
