#include "net/client_thread.h"

#include <pthread.h>

#include <utility>

#include <rapidjson/document.h>
#include <asio/post.hpp>

#include "base/limits.h"

namespace bridge {

std::function<void(PastReader::Slice)> PostedPastReader::brought_back(
    std::function<void(Slice)> done) const {
  return [call = call_, done = std::move(done)](Slice slice) {
    call([done, slice = std::move(slice)] { done(slice); });
  };
}

void PostedPastReader::read(std::uint64_t from_seq, std::function<void(Slice)> done) {
  journal_->read(from_seq, brought_back(std::move(done)));
}

void PostedPastReader::read_back(std::uint64_t to_seq, std::function<void(Slice)> done) {
  journal_->read_back(to_seq, brought_back(std::move(done)));
}

void PostedPastReader::find_time(std::int64_t timestamp_us,
                                 std::function<void(std::uint64_t)> done) {
  journal_->find_time(timestamp_us, [call = call_, done = std::move(done)](std::uint64_t seq) {
    call([done, seq] { done(seq); });
  });
}

void PostedPastReader::find_last(LookBack look_back,
                                 std::function<void(std::uint64_t, bool)> done) {
  journal_->find_last(std::move(look_back),
                      [call = call_, done = std::move(done)](std::uint64_t after, bool reached) {
                        call([done, after, reached] { done(after, reached); });
                      });
}

void ClientThread::PostedCommands::execute(const rapidjson::Value& request,
                                           const std::string& id_json, const Requester& requester,
                                           Reply reply) {
  auto copy = std::make_shared<rapidjson::Document>();
  copy->CopyFrom(request, copy->GetAllocator());
  ClientThread& thread = thread_;
  asio::post(thread.parts_.main, [&thread, copy, id_json, requester, reply = std::move(reply)] {
    thread.parts_.dispatcher.execute(
        *copy, id_json, requester,
        [&thread, reply](const std::string& json) { thread.call([reply, json] { reply(json); }); });
  });
}

ClientThread::ClientThread(ClientThreadParts parts, WsServerOptions options)
    : parts_(std::move(parts)),
      work_(asio::make_work_guard(io_)),
      snapshot_(kSnapshotEntriesMax, kSnapshotBytesMax),
      log_(parts_.log_start, parts_.history_limits,
           [this](const Block& block) { snapshot_.fold(block); }),
      work_queue_([this](std::function<void()> f) { asio::post(io_, std::move(f)); },
                  parts_.clock),
      past_(parts_.journal, [this](std::function<void()> f) { call(std::move(f)); }),
      dispatcher_(*this),
      server_({io_, log_, snapshot_, parts_.journal == nullptr ? nullptr : &past_, dispatcher_,
               counters_, parts_.clock, work_queue_, parts_.version, parts_.limits,
               parts_.deflate_level, *options.memory,
               [this] { take_post(); }},
              std::move(options),
              [this](const HttpRequest& request, bool own, const HttpAnswer& answer) {
                ask_page(request, own, answer);
              }) {
  if (parts_.holds_back) log_.hold_back();
}

void ClientThread::run() {
  thread_ = std::thread([this] {
    ::pthread_setname_np(::pthread_self(), ("fan-out-" + std::to_string(parts_.index + 1)).c_str());
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
  if (parts_.inboxes.put_call(parts_.index, std::move(f))) wake();
}

// The request's body is copied: the connection may go before the log's thread comes to it.
void ClientThread::ask_page(const HttpRequest& request, bool own_origin, const HttpAnswer& answer) {
  struct Kept {
    HttpRequest request;
    std::string body;
  };
  const auto kept = std::make_shared<Kept>(Kept{request, std::string(request.body)});
  kept->request.body = kept->body;
  kept->request.owner = nullptr;  // the connection belongs to this thread
  asio::post(parts_.main, [this, kept, own_origin, answer] {
    HttpRequest there = kept->request;
    there.owner = kept;
    parts_.on_http(there, own_origin, [this, answer](HttpReply reply) {
      call([answer, reply = std::move(reply)] { answer(reply); });
    });
  });
}

// Takes in what was put into the inbox, in order: called from within one of its calls it leaves
// that to the loop that is under way.
void ClientThread::take_post() {
  if (taking_) return;
  taking_ = true;
  Inboxes::Post post = parts_.inboxes.take(parts_.index);
  if (post.extent) past_.set_extent(std::move(post.extent));
  for (Inboxes::Item& item : post.items) {
    if (item.block) {
      log_.follow(std::move(item.block));
    } else if (item.merged) {
      log_.follow_merge(item.merged);
    } else {
      item.call();
    }
  }
  taking_ = false;
}

void ClientThread::catch_up() {
  take_post();
  server_.announce();
  parts_.on_idle();
}

void ClientThread::release(std::uint64_t seq) {
  log_.release(seq);
}

ClientsReport ClientThread::report() const {
  ClientsReport report = server_.report();
  report.counters = counters_;
  return report;
}

}  // namespace bridge
