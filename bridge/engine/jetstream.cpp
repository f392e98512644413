#include "engine/jetstream.h"

#include <nats/nats.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <deque>
#include <mutex>
#include <set>
#include <string_view>
#include <thread>
#include <utility>

#include "base/log.h"
#include "base/text.h"
#include "cluster/proposal.h"
#include "engine/jetstream_stream.h"

namespace bridge {
namespace {

constexpr std::int64_t kRequestMs = 2'000;
constexpr auto kTryAgain = std::chrono::milliseconds(200);
constexpr std::size_t kNewsBytesMax = 64 << 20;  // live messages beyond it are had again
constexpr std::uint64_t kCatchUpWindow = 256;
constexpr std::size_t kWordsBytesMax = 32 << 20;
constexpr std::size_t kDenialsMax = 16;  // that are logged

std::string_view data_of(natsMsg* message) {
  return {natsMsg_GetData(message), static_cast<std::size_t>(natsMsg_GetDataLength(message))};
}

std::uint64_t to_number(std::string_view text) {
  std::uint64_t n = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), n);
  return read.ec == std::errc{} && read.ptr == text.data() + text.size() ? n : 0;
}

std::string_view header_of(natsMsg* message, const char* name) {
  const char* value = nullptr;
  return natsMsgHeader_Get(message, name, &value) == NATS_OK && value != nullptr ? value : std::string_view();
}

class Connection final : public JetStream {
 public:
  Connection(JetStreamOptions options, std::function<void()> wake) : options_(std::move(options)), wake_(std::move(wake)) {}
  ~Connection() override {
    natsSubscription_Destroy(live_);
    natsSubscription_Destroy(heartbeats_);
    natsSubscription_Destroy(requests_);
    natsSubscription_Destroy(answers_);
    natsConnection_Destroy(connection_);
    natsOptions_Destroy(nats_options_);
    nats_CloseAndWait(kRequestMs);  // no callback comes after it
  }

  Result<bool> start(std::int64_t timeout_us) {
    const auto until = std::chrono::steady_clock::now() + std::chrono::microseconds(timeout_us);
    std::vector<const char*> servers;
    for (const std::string& server : options_.servers) servers.push_back(server.c_str());
    if (!good(natsOptions_Create(&nats_options_)) ||
        !good(natsOptions_SetServers(nats_options_, servers.data(), static_cast<int>(servers.size()))) ||
        !good(natsOptions_SetName(nats_options_, options_.node.c_str())) ||
        // A server that is stopped is left after two seconds, and another found at once.
        !good(natsOptions_SetPingInterval(nats_options_, 1000)) || !good(natsOptions_SetMaxPingsOut(nats_options_, 2)) ||
        !good(natsOptions_SetReconnectWait(nats_options_, 50)) || !good(natsOptions_SetReconnectJitter(nats_options_, 450, 450)) ||
        !good(natsOptions_SetMaxReconnect(nats_options_, -1)) || !good(natsOptions_SetTimeout(nats_options_, kRequestMs)) ||
        !good(natsOptions_SetErrorHandler(nats_options_, on_error, this))) {
      return failed("NATS options");
    }
    if (!options_.tls_ca.empty() && (!good(natsOptions_SetSecure(nats_options_, true)) ||
                                     !good(natsOptions_LoadCATrustedCertificates(nats_options_, options_.tls_ca.c_str())))) {
      return failed("cluster.tls_ca");
    }
    if (!options_.credentials.empty() &&
        !good(natsOptions_SetUserCredentialsFromFiles(nats_options_, options_.credentials.c_str(), nullptr))) {
      return failed("cluster.credentials");
    }
    while (!good(natsConnection_Connect(&connection_, nats_options_))) {
      if (std::chrono::steady_clock::now() >= until) return failed("cluster.servers: none can be reached");
      std::this_thread::sleep_for(kTryAgain);
    }
    const auto carried = static_cast<std::int64_t>(std::max(options_.event_bytes_max, kProposalBytesFull) + kProposalOverheadMax);
    if (const std::int64_t carries = natsConnection_GetMaxPayload(connection_); carries < carried) {
      return Failure{"the NATS server's max_payload is " + std::to_string(carries) + "; must be at least " + std::to_string(carried) +
                     ": what an event may have (events.event_bytes_max), or 256 KiB, and 160 KiB more"};
    }
    const auto found = find_stream(until);
    return found ? subscribe() : found;
  }

  void publish(std::uint64_t no, std::string_view bytes) override { ask(log_subject_, 'a', no, bytes); }
  void fetch(std::uint64_t seq) override { ask(get_subject_, 'g', seq, R"({"seq":)" + std::to_string(seq) + "}"); }
  void catch_up(std::uint64_t from_seq) override {
    catch_up_next_ = from_seq;
    for (std::uint64_t i = 0; i < kCatchUpWindow; ++i) fetch(catch_up_next_++);
  }
  void ask_end(std::uint64_t folded) override { ask(info_subject_, 'e', folded, ""); }
  void publish_checkpoint(std::string_view bytes) override { publish_word(checkpoint_subject_, bytes); }
  void find_checkpoint() override { ask(get_subject_, 'k', 0, R"({"last_by_subj":")" + checkpoint_subject_ + "\"}"); }

  Result<bool> listen(NodeLinkListener& listener) override {
    if (std::exchange(words_listener_, &listener) != nullptr) return true;
    const std::string all = node_subject_ + "*";
    if (!good(natsConnection_Subscribe(&heartbeats_, connection_, all.c_str(), on_word, this)) ||
        !good(natsConnection_Subscribe(&requests_, connection_, (command_subject_ + options_.node).c_str(), on_word, this)) ||
        !good(natsConnection_Flush(connection_))) {
      return failed("NATS subscriptions");
    }
    return true;
  }
  void tell(std::string_view heartbeat) override { publish_word(node_subject_ + options_.node, heartbeat); }
  bool ask(const std::string& node, std::uint64_t no, std::string_view request) override {
    // What waits for a connection would arrive when nobody wants it any more.
    return connected() && ask(command_subject_ + node, 'c', no, request);
  }
  void answer(const std::string& to, std::string_view answer) override { publish_word(to, answer); }
  std::size_t word_bytes_max() const override {
    return static_cast<std::size_t>(std::max<std::int64_t>(natsConnection_GetMaxPayload(connection_), 0));
  }
  const std::string& leader() const override { return leader_; }
  std::uint64_t words_dropped() const override {
    const std::lock_guard lock(mutex_);
    return words_dropped_;
  }

  void poll(SharedLogListener& listener, std::int64_t now_us) override {
    std::deque<News> news;
    std::deque<Word> words;
    {
      const std::lock_guard lock(mutex_);
      news.swap(news_);
      words.swap(words_);
      news_bytes_ = words_bytes_ = 0;
      woken_ = false;
    }
    for (News& one : news) tell(listener, one, now_us);
    for (const Word& one : words) {
      if (words_listener_ == nullptr) break;
      if (one.kind == 'n') words_listener_->on_heartbeat(one.whose, one.bytes, now_us);
      if (one.kind == 'r') words_listener_->on_request(one.whose, one.bytes, now_us);
      if (one.kind == 'c') words_listener_->on_answer(one.no, one.nobody, one.bytes, now_us);
    }
  }

  std::string problem() const override {
    if (!connected()) return "none of cluster.servers can be reached";
    const std::lock_guard lock(mutex_);
    return denied_.empty() ? refused_ : denied_;
  }
  const std::vector<std::string>& warnings() const override { return warnings_; }

 private:
  // A message that came: live ('l'), or the answer to what ask() asked.
  struct News {
    char kind = 'l';
    std::uint64_t about = 0;
    bool nobody = false;   // was there to answer
    std::string bytes;
  };

  // What another node says: a heartbeat ('n'), a request ('r'), or the answer to one ('c').
  struct Word {
    char kind = 'n';
    std::uint64_t no = 0;
    bool nobody = false;
    std::string whose;  // the node; of a request, where its answer goes
    std::string bytes;
  };

  bool connected() const { return natsConnection_Status(connection_) == NATS_CONN_STATUS_CONNECTED; }
  void publish_word(const std::string& subject, std::string_view bytes) {
    if (!connected()) return;
    (void)natsConnection_Publish(connection_, subject.c_str(), bytes.data(), static_cast<int>(bytes.size()));
  }

  bool good(natsStatus status) {
    last_ = status;
    return status == NATS_OK;
  }
  Failure failed(const std::string& what) const { return Failure{what + ": " + natsStatus_GetText(last_)}; }

  // By whoever leads it; there may be nobody yet.
  Result<bool> find_stream(std::chrono::steady_clock::time_point until) {
    std::string why = "JetStream does not answer";
    const auto wait_for = [&why](const std::string& message) {
      if (message != why) log_warn("cluster_stream", "cluster: {}; waiting", message);
      why = message;
    };
    for (;; std::this_thread::sleep_for(kTryAgain)) {
      if (std::chrono::steady_clock::now() >= until) return Failure{why};
      std::string answer;
      if (!request(info_subject_, "", &answer)) continue;
      if (api_error_code(answer) == 404) {
        if (!request("$JS.API.STREAM.CREATE." + options_.name, stream_request(options_), &answer)) continue;
        // Another may have been quicker: then it is there at the next look.
        if (const auto made = read_stream_state(answer); !made) wait_for("the stream cannot be made: " + made.error().message);
        continue;
      }
      const auto state = read_stream_state(answer);
      if (!state) {
        wait_for(state.error().message);
        continue;
      }
      auto checked = check_stream(options_, answer);
      if (!checked) return checked.error();
      warnings_ = std::move(checked.value());
      return true;
    }
  }

  bool request(const std::string& subject, const std::string& body, std::string* answer) {
    natsMsg* message = nullptr;
    if (!good(natsConnection_Request(&message, connection_, subject.c_str(), body.data(), static_cast<int>(body.size()), kRequestMs))) {
      return false;
    }
    *answer = std::string(data_of(message));
    natsMsg_Destroy(message);
    return true;
  }

  Result<bool> subscribe() {
    natsInbox* inbox = nullptr;
    if (!good(natsInbox_Create(&inbox))) return failed("NATS");
    inbox_ = inbox;
    natsInbox_Destroy(inbox);
    const std::string answers = inbox_ + ".>";
    const std::string live = options_.name + ".out.>";
    if (!good(natsConnection_Subscribe(&answers_, connection_, answers.c_str(), on_message, this)) ||
        !good(natsConnection_Subscribe(&live_, connection_, live.c_str(), on_message, this)) ||
        !good(natsConnection_Flush(connection_))) {
      return failed("NATS subscriptions");
    }
    return true;
  }

  // Where it fails it is as if it were lost on its way.
  bool ask(const std::string& subject, char kind, std::uint64_t about, std::string_view body) {
    const std::string reply = inbox_ + "." + kind + "." + std::to_string(about);
    return natsConnection_PublishRequest(connection_, subject.c_str(), reply.c_str(), body.data(), static_cast<int>(body.size())) == NATS_OK;
  }

  // On a thread of the library's.
  static void on_message(natsConnection*, natsSubscription*, natsMsg* message, void* self) {
    static_cast<Connection*>(self)->take(message);
    natsMsg_Destroy(message);
  }
  static void on_word(natsConnection*, natsSubscription*, natsMsg* message, void* self) {
    static_cast<Connection*>(self)->take_word(message);
    natsMsg_Destroy(message);
  }
  // What the user of cluster.credentials may not do the server says once, to nobody who asked.
  static void on_error(natsConnection* connection, natsSubscription*, natsStatus status, void* self) {
    const char* text = nullptr;
    if (status == NATS_NOT_PERMITTED && natsConnection_GetLastError(connection, &text) != NATS_OK && text != nullptr) {
      static_cast<Connection*>(self)->take_denial(text);
    }
  }
  void take_denial(std::string_view text) {
    const std::lock_guard lock(mutex_);
    if (text.find(log_subject_) != std::string_view::npos) denied_ = "the user of cluster.credentials may not publish to " + log_subject_;
    if (denials_.size() >= kDenialsMax || !denials_.emplace(text).second) return;
    log_error("cluster_denied", "cluster: the NATS server says: {}; conf/CLUSTER.md has what a bridge's user needs", printable(text, 200));
  }
  void take(natsMsg* message) {
    News news;
    const std::string_view subject = natsMsg_GetSubject(message);
    if (subject.substr(0, inbox_.size()) == inbox_) {
      const std::string_view rest = subject.substr(inbox_.size());  // ".a.812"
      if (rest.size() < 4) return;
      news.kind = rest[1];
      news.about = to_number(rest.substr(3));
      news.nobody = natsMsg_IsNoResponders(message);
      if (news.kind == 'c') return put({'c', news.about, news.nobody, {}, std::string(data_of(message))});
    } else {
      news.about = to_number(header_of(message, "Nats-Sequence"));
      if (news.about == 0) return;
    }
    const std::string_view bytes = data_of(message);
    bool wake = false;
    {
      const std::lock_guard lock(mutex_);
      if (news_bytes_ + bytes.size() > kNewsBytesMax) return;
      news.bytes = std::string(bytes);
      news_bytes_ += bytes.size();
      news_.push_back(std::move(news));
      wake = !std::exchange(woken_, true);
    }
    if (wake) wake_();
  }

  void take_word(natsMsg* message) {
    const std::string_view subject = natsMsg_GetSubject(message);
    if (subject.substr(0, node_subject_.size()) == node_subject_) {
      const std::string_view node = subject.substr(node_subject_.size());
      if (is_node_name(node) && node != options_.node) put({'n', 0, false, std::string(node), std::string(data_of(message))});
    } else if (const char* const reply = natsMsg_GetReply(message); reply != nullptr) {
      put({'r', 0, false, reply, std::string(data_of(message))});
    }
  }
  void put(Word word) {
    bool wake = false;
    {
      const std::lock_guard lock(mutex_);
      if (words_bytes_ + word.bytes.size() > kWordsBytesMax) {
        ++words_dropped_;
        return;
      }
      words_bytes_ += word.bytes.size() + sizeof word;
      words_.push_back(std::move(word));
      wake = !std::exchange(woken_, true);
    }
    if (wake) wake_();
  }

  void tell(SharedLogListener& listener, News& news, std::int64_t now_us) {
    switch (news.kind) {
      case 'l':
        return listener.on_message(news.about, news.bytes, now_us);
      case 'g': {
        const auto message = news.nobody ? Failure{"nobody leads the stream"} : read_message(news.bytes);
        if (!message || message.value().seq != news.about) {
          catch_up_next_ = 0;
          return listener.on_missing(news.about, now_us);
        }
        if (catch_up_next_ != 0) fetch(catch_up_next_++);
        return listener.on_message(news.about, message.value().bytes, now_us);
      }
      case 'k': {
        const auto message = news.nobody ? Failure{"nobody leads the stream"} : read_message(news.bytes);
        if (message) return listener.on_checkpoint(message.value().seq, message.value().bytes, now_us);
        if (api_error_code(news.bytes) == 404) listener.on_no_checkpoint(now_us);
        return;
      }
      case 'a': {
        if (news.nobody) return listener.on_no_leader(now_us);
        const auto seq = read_ack(news.bytes);
        refused_ = seq ? "" : seq.error().message;
        if (!seq) return listener.on_no_leader(now_us);
        return listener.on_ack(news.about, seq.value(), now_us);
      }
      case 'e': {
        const auto state = news.nobody ? Failure{"nobody leads the stream"} : read_stream_state(news.bytes);
        if (state) leader_ = state.value().leader;
        if (state && state.value().led) listener.on_end(news.about, state.value().first_seq, state.value().last_seq, now_us);
        return;
      }
      default:
        return;
    }
  }

  const JetStreamOptions options_;
  const std::function<void()> wake_;
  const std::string log_subject_ = options_.name + ".log." + options_.node;
  const std::string checkpoint_subject_ = options_.name + ".log.@checkpoint";  // no node has such a name
  const std::string get_subject_ = "$JS.API.STREAM.MSG.GET." + options_.name;
  const std::string info_subject_ = "$JS.API.STREAM.INFO." + options_.name;
  const std::string node_subject_ = options_.name + ".node.";
  const std::string command_subject_ = options_.name + ".cmd.";
  natsOptions* nats_options_ = nullptr;
  natsConnection* connection_ = nullptr;
  std::string inbox_;  // what answers' subjects begin with
  natsSubscription* answers_ = nullptr;
  natsSubscription* live_ = nullptr;
  natsSubscription* heartbeats_ = nullptr;
  natsSubscription* requests_ = nullptr;
  natsStatus last_ = NATS_OK;
  std::vector<std::string> warnings_;
  std::string refused_;  // why the stream takes nothing
  std::string leader_;
  NodeLinkListener* words_listener_ = nullptr;
  std::uint64_t catch_up_next_ = 0;

  mutable std::mutex mutex_;  // of what follows
  std::deque<News> news_;
  std::size_t news_bytes_ = 0;
  std::deque<Word> words_;
  std::size_t words_bytes_ = 0;
  std::uint64_t words_dropped_ = 0;
  bool woken_ = false;
  std::string denied_;  // what this bridge's user may not do and has to
  std::set<std::string> denials_;
};

}  // namespace

bool jetstream_is_built() { return true; }

Result<std::unique_ptr<JetStream>> JetStream::open(const JetStreamOptions& options, std::int64_t timeout_us,
                                                   std::function<void()> wake) {
  auto connection = std::make_unique<Connection>(options, std::move(wake));
  const auto started = connection->start(timeout_us);
  if (!started) return started.error();
  return std::unique_ptr<JetStream>(std::move(connection));
}

}  // namespace bridge
