#include "net/client_servers.h"

#include <fcntl.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include <asio/post.hpp>

#include "base/limits.h"

namespace bridge {

ClientServers::ClientServers(const ClientServerParts& main, ClientServersOptions options,
                             const WsServer::HttpHandler& on_http, std::function<void()> on_relieved)
    : io_(main.io),
      log_(main.log),
      on_relieved_(std::move(on_relieved)),
      admission_(options.server.admission),
      inboxes_(options.threads) {
  const std::vector<int>& sockets = options.listening_sockets;
  if (options.threads == 1) {
    if (!sockets.empty()) options.server.listening_socket = sockets.front();
    local_ = std::make_unique<ClientServer>(main, options.server, on_http);
    return;
  }
  options.server.share_port = true;
  options.server.threads = options.threads;
  for (std::size_t i = 0; i < options.threads; ++i) {
    if (!sockets.empty()) options.server.listening_socket = sockets[i % sockets.size()];
    states_.push_back(std::make_unique<State>());
    threads_.push_back(std::make_unique<ClientThread>(i, inboxes_, main, options, on_http,
                                                      [this, i] { on_idle(i); }));
  }
}

ClientServers::~ClientServers() {
  stop();
}

Result<bool> ClientServers::start() {
  if (local_) return local_->start();
  for (std::size_t i = 0; i < threads_.size(); ++i) {
    ClientServer& server = threads_[i]->server();
    if (i != 0) server.sockets().listen_on(address());
    auto started = server.start();
    if (!started) return started;
  }
  for (const auto& thread : threads_) thread->run();
  return true;
}

void ClientServers::follow_log(std::function<PastExtent()> extent) {
  if (local_) return;
  extent_ = std::move(extent);
  put_extent();
  log_.add_on_seal([this](const BlockPtr& block) { on_sealed(block); });
  log_.add_on_epochs([this] {
    call_each([epochs = log_.epochs()](ClientThread& thread) { thread.follow_epochs(epochs); });
  });
  log_.set_on_merge([this](const BlockPtr& merged) { wake(inboxes_.put_merged(merged)); });
}

const Address& ClientServers::address() const {
  return (local_ ? *local_ : threads_.front()->server()).sockets().address();
}

std::vector<int> ClientServers::copy_listening_sockets() const {
  std::vector<int> copies;
  const auto copy = [&copies](const ClientServer& server) {
    copies.push_back(::fcntl(server.sockets().listening_socket(), F_DUPFD_CLOEXEC, 0));
  };
  if (local_) copy(*local_);
  for (const auto& thread : threads_) copy(thread->server());
  copies.erase(std::remove(copies.begin(), copies.end(), -1), copies.end());
  return copies;
}

bool ClientServers::somebody_idle() const {
  return std::any_of(states_.begin(), states_.end(),
                     [](const auto& state) { return state->idle.load(); });
}

// A thread that becomes idle looks at gathering_ after it has said so, and we at idle after we have
// set it: so one of the two sees the other.
void ClientServers::announce() {
  if (local_) return local_->announce();
  if (log_.history().last_seq() == log_.last_seq()) return;
  gathering_ = true;
  if (!somebody_idle()) return;
  gathering_ = false;
  log_.seal();
}

void ClientServers::on_idle(std::size_t index) {
  states_[index]->idle = true;
  const bool wanted = gathering_;
  const bool relieved = congested_ && inboxes_.bytes() < kThreadBacklogBytesMax / 2;
  if (!wanted && !relieved) return;
  asio::post(io_, [this] {
    announce();
    if (congested_ && !congested()) on_relieved_();
  });
}

void ClientServers::on_sealed(const BlockPtr& block) {
  if (stopped_) return;
  for (const auto& state : states_) state->idle = false;
  put_extent();
  wake(inboxes_.put_block(block));
}

void ClientServers::wake(const Inboxes::Sleepers& sleepers) {
  for (const std::size_t i : sleepers) threads_[i]->wake();
}

void ClientServers::call_each(const std::function<void(ClientThread&)>& f) const {
  for (const auto& thread : threads_) {
    thread->call([f, target = thread.get()] { f(*target); });
  }
}

bool ClientServers::congested() const {
  if (local_) return false;
  congested_ =
      inboxes_.bytes() > (congested_ ? kThreadBacklogBytesMax / 2 : kThreadBacklogBytesMax);
  return congested_;
}

void ClientServers::put_extent() {
  if (extent_) inboxes_.put_extent(extent_());
}

void ClientServers::on_journal() {
  if (!local_) put_extent();
}

void ClientServers::release(std::uint64_t seq) {
  call_each([seq](ClientThread& thread) { thread.release(seq); });
}

void ClientServers::apply(const ClientServersOptions& options) {
  if (local_) return local_->apply(options.server);
  call_each([options](ClientThread& thread) { thread.apply(options); });
}

void ClientServers::drain_until(std::int64_t by_us) {
  if (local_) return local_->sockets().drain_until(by_us);
  call_each([by_us](ClientThread& thread) { thread.server().sockets().drain_until(by_us); });
}

void ClientServers::drain() {
  if (local_) return local_->drain();
  log_.seal();
  call_each([](ClientThread& thread) { thread.server().drain(); });
}

void ClientServers::stop() {
  stopped_ = true;
  for (const auto& thread : threads_) thread->stop();
}

// Asks every thread `ask`, which returns its part; `done` is called on the log's thread with all parts.
template <class Part, class Ask>
void ClientServers::gather(Ask ask, std::function<void(std::vector<Part>)> done) const {
  struct Gathered {
    std::vector<Part> parts;
    std::function<void(std::vector<Part>)> done;
  };
  const auto gathered = std::make_shared<Gathered>(Gathered{{}, std::move(done)});
  call_each([this, gathered, ask](ClientThread& thread) {
    asio::post(io_, [this, gathered, part = ask(thread)]() mutable {
      gathered->parts.push_back(std::move(part));
      if (gathered->parts.size() == threads_.size()) gathered->done(std::move(gathered->parts));
    });
  });
}

void ClientServers::report(std::function<void(const ClientsReport&)> done) const {
  if (local_) return done(local_->report());
  gather<ClientsReport>([](ClientThread& thread) { return thread.report(); },
                        [done = std::move(done)](const std::vector<ClientsReport>& parts) {
                          ClientsReport all;
                          for (const ClientsReport& part : parts) all.add(part);
                          done(all);
                        });
}

void ClientServers::list(std::uint64_t connection, std::size_t max,
                         std::function<void(const Clients&)> done) const {
  if (local_) return done(local_->sockets().list(connection, max));
  gather<Clients>(
      [connection, max](ClientThread& thread) { return thread.server().sockets().list(connection, max); },
      [max, done = std::move(done)](std::vector<Clients> parts) {
        Clients all;
        for (Clients& part : parts) {
          all.insert(all.end(), std::make_move_iterator(part.begin()),
                     std::make_move_iterator(part.end()));
        }
        std::sort(all.begin(), all.end(), [](const ClientInfo& a, const ClientInfo& b) {
          return a.connection < b.connection;
        });
        if (all.size() > max) all.resize(max);
        done(all);
      });
}

}  // namespace bridge
