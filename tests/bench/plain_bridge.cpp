// The plain bridge: what one writes in an afternoon with ZeroMQ, RapidJSON and websocketpp.
//
// Each event is parsed, stamped, written out once and handed to server.send() for each client: a
// message of its own a client, as the library's examples do it. It has the settings that matter
// for speed (TCP_NODELAY, no access logs) and nothing else: no history, no limits, no filters. It
// is the measure for what the real bridge's blocks are worth.
//
// One thread runs everything. It speaks as much of the bridge's protocol as its clients need:
// welcome, register, subscribe, ping, get_status.
#include <rapidjson/document.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <set>
#include <string>
#include <string_view>
#include <websocketpp/config/asio_no_tls.hpp>
#include <websocketpp/server.hpp>
#include <zmq.hpp>

namespace {

using Server = websocketpp::server<websocketpp::config::asio>;
using Handle = websocketpp::connection_hdl;
using Opcode = websocketpp::frame::opcode::value;
using JsonWriter = rapidjson::Writer<rapidjson::StringBuffer>;

double now_seconds() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration<double>(now).count();
}

std::string text_of(const rapidjson::Document& document) {
  rapidjson::StringBuffer out;
  JsonWriter writer(out);
  document.Accept(writer);
  return {out.GetString(), out.GetSize()};
}

class PlainBridge {
 public:
  explicit PlainBridge(const std::string& events_in)
      : subscriber_(context_, zmq::socket_type::sub), zmq_descriptor_(io_), stop_signals_(io_) {
    subscriber_.set(zmq::sockopt::linger, 0);
    subscriber_.set(zmq::sockopt::subscribe, "");
    subscriber_.bind(events_in);

    server_.clear_access_channels(websocketpp::log::alevel::all);
    server_.clear_error_channels(websocketpp::log::elevel::all);
    server_.init_asio(&io_);
    server_.set_reuse_addr(true);
    // A client that has gone is taken out when its socket reports it.
    server_.set_open_handler([this](Handle handle) { open(handle); });
    server_.set_close_handler([this](Handle handle) { subscribers_.erase(handle); });
    server_.set_message_handler(
        [this](Handle handle, Server::message_ptr message) { answer(handle, message); });
    server_.set_listen_backlog(1024);
    server_.listen(asio::ip::tcp::endpoint(asio::ip::address_v4::loopback(), 0));
    server_.start_accept();

    stop_signals_.add(SIGINT);
    stop_signals_.add(SIGTERM);
    stop_signals_.async_wait([this](const asio::error_code&, int) { io_.stop(); });

    // ZeroMQ gives away its own descriptor for looking at, not for closing: watch a duplicate.
    zmq_descriptor_.assign(::dup(subscriber_.get(zmq::sockopt::fd)));
    take_events();
  }

  void run() {
    websocketpp::lib::asio::error_code error;
    std::printf("ready ws=ws://127.0.0.1:%u/ws events_in=%s\n",
                unsigned{server_.get_local_endpoint(error).port()},
                subscriber_.get(zmq::sockopt::last_endpoint).c_str());
    std::fflush(stdout);
    io_.run();
  }

 private:
  void open(const Handle& handle) {
    asio::error_code ignored;
    server_.get_con_from_hdl(handle)->get_raw_socket().set_option(asio::ip::tcp::no_delay(true),
                                                                  ignored);
    send(handle, R"({"type":"system_status","data":{"status":"connected","message":"plain-bridge",)"
                 R"("server":"plain-bridge","version":"0","protocol":1,"epoch":"plain","seq":)" +
                     std::to_string(seq_) + R"(},"timestamp":)" + std::to_string(now_seconds()) +
                     "}");
  }

  void answer(const Handle& handle, const Server::message_ptr& message) {
    rapidjson::Document request;
    request.Parse(message->get_payload());
    const bool has_action = !request.HasParseError() && request.IsObject() &&
                            request.HasMember("action") && request["action"].IsString();
    const std::string action = has_action ? request["action"].GetString() : "";
    std::string status = "error";
    if (action == "register" || action == "subscribe") {
      subscribers_.insert(handle);
      status = action == "register" ? "registered" : "subscribed";
    } else if (action == "ping") {
      status = "pong";
    } else if (action == "command") {
      status = "command_result";
    }
    rapidjson::Document reply(rapidjson::kObjectType);
    auto& memory = reply.GetAllocator();
    reply.AddMember("status", status, memory);
    reply.AddMember("action", action, memory);
    if (has_action && request.HasMember("id")) {
      reply.AddMember("id", rapidjson::Value(request["id"], memory), memory);
    }
    reply.AddMember("epoch", "plain", memory);
    reply.AddMember("seq", seq_, memory);
    send(handle, text_of(reply));
  }

  // Takes one message a turn of the loop, so that what it made of it is written before the next:
  // with more a turn it only had longer queues in memory, and was slower.
  void take_events() {
    zmq::message_t message;
    if (subscriber_.recv(message, zmq::recv_flags::dontwait)) {
      // A topic frame is let go: the body says everything.
      if (!message.more()) take_lines(message.to_string_view());
      asio::post(io_, [this] { take_events(); });
      return;
    }
    zmq_descriptor_.async_wait(asio::posix::stream_descriptor::wait_read,
                               [this](const asio::error_code& error) {
                                 if (!error) take_events();
                               });
    // The descriptor is edge-triggered: what came between the last recv and the wait is looked for
    // again, else it would lie there until the next event.
    if ((subscriber_.get(zmq::sockopt::events) & ZMQ_POLLIN) != 0) {
      zmq_descriptor_.cancel();
      asio::post(io_, [this] { take_events(); });
    }
  }

  void take_lines(std::string_view body) {
    while (!body.empty()) {
      const std::size_t end = body.find('\n');
      take_event(body.substr(0, end));
      body.remove_prefix(end == std::string_view::npos ? body.size() : end + 1);
    }
  }

  void take_event(std::string_view line) {
    rapidjson::Document event;
    event.Parse(line.data(), line.size());
    if (event.HasParseError() || !event.IsObject() || !event.HasMember("type") ||
        !event.HasMember("data")) {
      return;
    }
    auto& memory = event.GetAllocator();
    if (const auto found = event.FindMember("timestamp"); found != event.MemberEnd()) {
      found->name = "source_timestamp";
    }
    event.AddMember("timestamp", now_seconds(), memory);
    event.AddMember("seq", ++seq_, memory);
    const std::string text = text_of(event);
    for (const Handle& handle : subscribers_) send(handle, text);
  }

  void send(const Handle& handle, const std::string& text) {
    websocketpp::lib::error_code ignored;  // the close handler hears of it
    server_.send(handle, text, Opcode::text, ignored);
  }

  asio::io_context io_;
  zmq::context_t context_;
  zmq::socket_t subscriber_;
  asio::posix::stream_descriptor zmq_descriptor_;
  asio::signal_set stop_signals_;
  Server server_;
  std::set<Handle, std::owner_less<Handle>> subscribers_;
  std::uint64_t seq_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("A bridge without ideas, to measure the real one against", "plain-bridge");
  std::string events_in = "tcp://127.0.0.1:*";
  app.add_option("--events-in", events_in, "where publishers connect")->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  try {
    PlainBridge(events_in).run();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "plain-bridge: %s\n", error.what());
    return 1;
  }
  return 0;
}
