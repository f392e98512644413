#include "net/client_thread.h"

#include <pthread.h>

#include <utility>

#include <rapidjson/document.h>
#include <asio/post.hpp>

#include "base/limits.h"
#include "base/loop_turns.h"

namespace bridge {
namespace {

constexpr std::size_t kTurnBytes = 256 * 1024;  // of events, or eight calls

}  // namespace

void ClientThread::PostedCommands::execute(const rapidjson::Value& request,
                                           const std::string& id_json, const Requester& requester,
                                           Reply reply) {
  auto copy = std::make_shared<rapidjson::Document>();
  copy->CopyFrom(request, copy->GetAllocator());
  ClientThread& thread = thread_;
  asio::post(thread.main_.io, [&thread, copy, id_json, requester, reply = std::move(reply)] {
    thread.main_.dispatcher.execute(
        *copy, id_json, requester,
        [&thread, reply](std::string json) {
          thread.call([reply, json = std::move(json)]() mutable { reply(std::move(json)); });
        });
  });
}

ClientThread::ClientThread(std::size_t index, Inboxes& inboxes, const ClientServerParts& main,
                           const ClientServersOptions& options, WsServer::HttpHandler on_http,
                           std::function<void()> on_idle)
    : index_(index),
      inboxes_(inboxes),
      main_(main),
      on_http_(std::move(on_http)),
      on_idle_(std::move(on_idle)),
      work_(asio::make_work_guard(io_)),
      snapshot_(kSnapshotEntriesMax, kSnapshotBytesMax),
      log_(options.log_start, options.history_limits,
           [this](const Block& block) { snapshot_.fold(block); }),
      work_queue_([this](std::function<void()> f) { asio::post(io_, std::move(f)); }, main.clock),
      past_(main.past, [this](std::function<void()> f) { call(std::move(f)); }),
      dispatcher_(*this),
      server_({io_, log_, snapshot_, main.past == nullptr ? nullptr : &past_, dispatcher_, counters_,
               main.clock, work_queue_},
              options.server,
              [this](const HttpRequest& request, bool own, const HttpAnswer& answer) {
                ask_page(request, own, answer);
              },
              [this] { (void)take_post(SIZE_MAX); }, [this] { catch_up(); }) {
  if (options.holds_back) log_.hold_back();
}

void ClientThread::run() {
  thread_ = std::thread([this] {
    ::pthread_setname_np(::pthread_self(), ("fan-out-" + std::to_string(index_ + 1)).c_str());
    const LoopTurns turns(counters_, main_.clock, main_.slow_turns);
    io_.run();
  });
}

void ClientThread::stop() {
  if (!thread_.joinable()) return;
  asio::post(io_, [this] { io_.stop(); });
  thread_.join();
}

void ClientThread::wake() {
  asio::post(io_, [this] { catch_up(); });
}

void ClientThread::call(std::function<void()> f) {
  if (inboxes_.put_call(index_, std::move(f))) wake();
}

// The answer stays here: it holds the connection, which no other thread may let go of.
void ClientThread::ask_page(const HttpRequest& request, bool own_origin, const HttpAnswer& answer) {
  const std::uint64_t number = ++asked_;
  answers_.emplace(number, answer);
  asio::post(main_.io, [this, request, own_origin, number] {
    on_http_(request, own_origin, [this, number](HttpReply reply) {
      call([this, number, reply = std::move(reply)]() mutable {
        if (const auto asked = answers_.extract(number)) asked.mapped()(std::move(reply));
      });
    });
  });
}

// Takes in what was put into the inbox, in order: called from within one of its calls it leaves
// that to the loop that is under way. True where something is left.
bool ClientThread::take_post(std::size_t bytes_max) {
  if (taking_) return false;
  const TurnPart part("what the log's thread hands on");
  taking_ = true;
  Inboxes::Post post = inboxes_.take(index_, bytes_max);
  if (post.extent) past_.set_extent(std::move(post.extent));
  for (Inboxes::Item& item : post.items) {
    if (post.more && item.extent) past_.set_extent(std::move(item.extent));
    if (item.block) {
      log_.follow(std::move(item.block));
    } else if (item.merged) {
      log_.follow_merge(item.merged);
    } else {
      item.call();
    }
  }
  taking_ = false;
  return post.more;
}

void ClientThread::catch_up() {
  const bool more = take_post(kTurnBytes);
  server_.announce();
  if (more) return wake();  // behind what the sockets have to do
  // While it gathers it needs no block, and so does not say that it is idle.
  server_.gathering() ? inboxes_.doze(index_) : on_idle_();
}

ClientsReport ClientThread::report() const {
  ClientsReport report = server_.report();
  report.counters = counters_;
  return report;
}

}  // namespace bridge
