#include "fake_bridge.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <stdexcept>

#include "feed/json.h"
#include "support/wait.h"

namespace bot_tests {

namespace json = feed::json;

namespace {

constexpr std::chrono::milliseconds kTick{2};

std::string now_seconds() {
  const auto now =
      std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch());
  char text[32];
  std::snprintf(text, sizeof text, "%.6f", now.count());
  return text;
}

std::string string_of(std::string_view object, std::string_view key) {
  return json::as_string(json::member(object, key)).value_or("");
}

void bind(zmq::socket_t& socket, std::string& endpoint) {
  socket.set(zmq::sockopt::linger, 0);
  // The port of one that was just closed may be taken for another moment.
  const bool bound = testing_support::wait_until([&] {
    try {
      socket.bind(endpoint);
      return true;
    } catch (const zmq::error_t&) {
      return false;
    }
  });
  if (!bound) throw std::runtime_error("cannot bind " + endpoint);
  endpoint = socket.get(zmq::sockopt::last_endpoint);
}

}  // namespace

FakeBridge::FakeBridge(std::string epoch) {
  start(epoch);
}

void FakeBridge::start(const std::string& epoch) {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (epoch != epoch_) {
      log_.clear();
      last_seq_ = 0;
      evicted_ = 0;
    }
    epoch_ = epoch;
    to_send_.clear();
  }
  stopping_ = false;
  open_ = false;
  thread_ = std::thread([this] { run(); });
  if (!testing_support::wait_until([&] { return open_.load(); })) {
    throw std::runtime_error("the fake bridge did not open");
  }
}

void FakeBridge::stop() {
  stopping_ = true;
  if (thread_.joinable()) thread_.join();
}

void FakeBridge::run() {
  zmq::context_t context;
  zmq::socket_t xpub(context, zmq::socket_type::xpub);
  zmq::socket_t router(context, zmq::socket_type::router);
  xpub.set(zmq::sockopt::xpub_verbose, true);
  router.set(zmq::sockopt::router_handover, true);
  bind(xpub, events_);
  bind(router, commands_);
  open_ = true;
  while (!stopping_) {
    std::vector<zmq::pollitem_t> items = {{xpub.handle(), 0, ZMQ_POLLIN, 0},
                                          {router.handle(), 0, ZMQ_POLLIN, 0}};
    zmq::poll(items, kTick);
    zmq::message_t subscription;
    while (xpub.recv(subscription, zmq::recv_flags::dontwait)) {
      const std::lock_guard<std::mutex> lock(mutex_);
      if (subscription.to_string_view().substr(0, 1) == "\x01") {
        subscriptions_.push_back(subscription.to_string().substr(1));
      }
    }
    std::vector<Entry> sending;
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      sending.swap(to_send_);
    }
    for (const Entry& entry : sending) {
      xpub.send(zmq::buffer(entry.topic), zmq::send_flags::sndmore);
      xpub.send(zmq::buffer(entry.text), zmq::send_flags::none);
    }
    if ((items[1].revents & ZMQ_POLLIN) != 0) answer(router);
  }
  const std::lock_guard<std::mutex> lock(mutex_);
  subscriptions_.clear();
}

void FakeBridge::answer(zmq::socket_t& router) {
  zmq::message_t identity;
  zmq::message_t delimiter;
  zmq::message_t body;
  if (!router.recv(identity) || !router.recv(delimiter) || !router.recv(body)) return;
  Question question;
  question.text = body.to_string();
  question.command = string_of(question.text, "command");
  question.params = json::member(question.text, "params");
  Handler handler;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    asked_.push_back(question);
    handler = handler_;
  }
  if (muted_) return;
  std::optional<std::string> members;
  if (question.command == "get_recent_events") {
    members = success(recent_events(question.params));
  } else if (handler) {
    members = handler(question);
  } else {
    members = refusal("unknown_target");
  }
  if (!members) return;
  const std::string id(json::member(question.text, "id"));
  const std::string reply = R"({"status":"command_result","action":"command","id":)" + id + "," +
                            *members + R"(,"timestamp":1619395200.000001})";
  router.send(identity, zmq::send_flags::sndmore);
  router.send(delimiter, zmq::send_flags::sndmore);
  router.send(zmq::buffer(reply), zmq::send_flags::none);
}

std::string FakeBridge::recent_events(std::string_view params) {
  const std::lock_guard<std::mutex> lock(mutex_);
  auto since = json::as_u64(json::member(params, "since_seq"));
  const std::size_t count = json::as_u64(json::member(params, "count")).value_or(100);
  const std::string epoch = string_of(params, "epoch");
  const bool known = !since || epoch.empty() || epoch == epoch_;
  if (!known) since = 0;
  std::vector<std::string> types;
  json::for_each_element(json::member(params, "type"), [&](std::string_view type) {
    types.push_back(json::as_string(type).value_or(""));
  });
  const std::uint64_t missed = since && *since < evicted_ ? evicted_ - *since : 0;
  bool more = false;
  std::vector<std::string> found;
  for (const Entry& entry : log_) {
    const bool wanted = std::find(types.begin(), types.end(), entry.type) != types.end();
    if ((since && entry.seq <= *since) || !wanted) continue;
    if (since && found.size() == count) {
      more = true;
      break;
    }
    found.push_back(entry.text);
  }
  if (found.size() > count) {
    found.erase(found.begin(), found.end() - static_cast<std::ptrdiff_t>(count));
  }
  std::string events;
  for (const std::string& text : found) events += (events.empty() ? "" : ",") + text;
  return R"({"events":[)" + events + R"(],"count":)" + std::to_string(found.size()) +
         R"(,"more":)" + (more ? "true" : "false") + R"(,"recovered":)" +
         (known && missed == 0 ? "true" : "false") + R"(,"missed":)" + std::to_string(missed) +
         R"(,"epoch":")" + epoch_ + R"(","seq":)" + std::to_string(last_seq_) + "}";
}

std::uint64_t FakeBridge::append(const std::string& body, bool send) {
  const std::lock_guard<std::mutex> lock(mutex_);
  Entry entry;
  entry.seq = ++last_seq_;
  entry.text = "{" + body + R"(,"timestamp":)" + now_seconds() + R"(,"seq":)" +
               std::to_string(entry.seq) + "}";
  entry.type = string_of(entry.text, "type");
  entry.topic = entry.type + "/" + string_of(entry.text, "source") + "/";
  log_.push_back(entry);
  if (send) to_send_.push_back(entry);
  return entry.seq;
}

std::uint64_t FakeBridge::publish(const std::string& body) {
  return append(body, true);
}

std::uint64_t FakeBridge::lose(const std::string& body) {
  return append(body, false);
}

void FakeBridge::evict(std::uint64_t seq) {
  const std::lock_guard<std::mutex> lock(mutex_);
  evicted_ = seq;
  log_.erase(std::remove_if(log_.begin(), log_.end(), [&](const Entry& e) { return e.seq <= seq; }),
             log_.end());
}

void FakeBridge::on_command(Handler handler) {
  const std::lock_guard<std::mutex> lock(mutex_);
  handler_ = std::move(handler);
}

std::vector<Question> FakeBridge::asked() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return asked_;
}

std::vector<Question> FakeBridge::asked(std::string_view command) const {
  std::vector<Question> found;
  for (Question& question : asked()) {
    if (question.command == command) found.push_back(std::move(question));
  }
  return found;
}

bool FakeBridge::subscribed(const std::string& topic) const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return std::find(subscriptions_.begin(), subscriptions_.end(), topic) != subscriptions_.end();
}

namespace {

std::string identity(const std::string& source, std::uint64_t source_seq, const std::string& run) {
  if (source_seq == 0) return R"(,"source":")" + source + "\"";
  return R"(,"source":")" + source + R"(","run":")" + run + R"(","source_seq":)" +
         std::to_string(source_seq);
}

}  // namespace

std::string price(const std::string& item, std::int64_t buy, std::int64_t sell,
                  const std::string& source, std::uint64_t source_seq) {
  return R"("type":"margin_update","data":{"item":)" + json::quote(item) + R"(,"buy_price":)" +
         std::to_string(buy) + R"(,"sell_price":)" + std::to_string(sell) + R"(,"margin":)" +
         std::to_string(sell - buy) + R"(,"margin_percent":0.1})" +
         identity(source, source_seq, "r1");
}

std::string trade(const std::string& side, const std::string& item, std::int64_t gp,
                  std::int64_t quantity, const std::string& order_id, const std::string& source,
                  std::uint64_t source_seq, const std::string& run) {
  std::string data = R"({"agent_id":"agent_0","action_type":")" + side + R"(","item":)" +
                     json::quote(item) + R"(,"price":)" + std::to_string(gp) + R"(,"quantity":)" +
                     std::to_string(quantity) + R"(,"profit":0.0,"total_value":1)";
  if (!order_id.empty()) data += R"(,"order":)" + order_id;
  return R"("type":"trade_executed","data":)" + data + "}" + identity(source, source_seq, run);
}

std::string success(const std::string& result) {
  return R"("source":"trainer-1","success":true,"result":)" + result;
}

std::string refusal(const std::string& error_type) {
  return R"("success":false,"error":{"error_type":")" + error_type +
         R"(","message":"as the test wants it"})";
}

}  // namespace bot_tests
