#include "alerts/webhooks.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>
#include <set>
#include <utility>

#include <curl/curl.h>

#include "base/step_back.h"
#include "base/text.h"

namespace bridge {
namespace {

constexpr std::size_t kAtATimeMax = 16;
constexpr int kTriesMax = 5;
constexpr std::int64_t kFirstPauseUs = 1'000'000;  // doubled each time
constexpr long kTimeoutMs = 10'000;
constexpr int kPollMs = 200;
constexpr std::size_t kAnswerBytesMax = 64 * 1024;
constexpr int kWebhookNice = 10;

struct HostPort {
  std::string host, port;  // an IPv6 address in brackets; port may be empty
};

HostPort split_host(std::string entry) {
  std::transform(entry.begin(), entry.end(), entry.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  const bool bracket = !entry.empty() && entry[0] == '[';
  if (!bracket && std::count(entry.begin(), entry.end(), ':') > 1) return {"[" + entry + "]", ""};
  const std::size_t colon = entry.find(':', bracket ? entry.find(']') : 0);
  return {entry.substr(0, colon), colon == std::string::npos ? "" : entry.substr(colon + 1)};
}

// The parts of a URL; nothing where it is none of ours.
std::optional<HostPort> split_url(const std::string& url) {
  const std::unique_ptr<CURLU, decltype(&curl_url_cleanup)> parsed(curl_url(), curl_url_cleanup);
  if (curl_url_set(parsed.get(), CURLUPART_URL, url.c_str(), CURLU_DISALLOW_USER) != CURLUE_OK) return std::nullopt;
  const auto part = [&parsed](CURLUPart which) {
    char* text = nullptr;
    std::string out;
    if (curl_url_get(parsed.get(), which, &text, CURLU_DEFAULT_PORT) == CURLUE_OK) out = text;
    curl_free(text);
    return out;
  };
  const std::string scheme = part(CURLUPART_SCHEME);
  if (scheme != "http" && scheme != "https") return std::nullopt;
  HostPort found = split_host(part(CURLUPART_HOST));
  found.port = part(CURLUPART_PORT);
  return found;
}

enum class Reach { loopback, link_local, other };

Reach reach_of(const sockaddr* address) {
  in6_addr six{};
  if (address->sa_family == AF_INET) {
    std::memcpy(&six.s6_addr[12], &reinterpret_cast<const sockaddr_in*>(address)->sin_addr, 4);
    six.s6_addr[10] = six.s6_addr[11] = 0xFF;
  } else {
    six = reinterpret_cast<const sockaddr_in6*>(address)->sin6_addr;
  }
  if (IN6_IS_ADDR_V4MAPPED(&six)) {
    const auto* const four = &six.s6_addr[12];
    if (four[0] == 127) return Reach::loopback;
    return (four[0] == 169 && four[1] == 254) || four[0] == 0 || four[0] >= 224 ? Reach::link_local : Reach::other;
  }
  if (IN6_IS_ADDR_LOOPBACK(&six)) return Reach::loopback;
  return IN6_IS_ADDR_LINKLOCAL(&six) || IN6_IS_ADDR_MULTICAST(&six) || IN6_IS_ADDR_UNSPECIFIED(&six) ? Reach::link_local
                                                                                                     : Reach::other;
}

// Whether a URL's host is an address, and where that leads; nothing for a name.
std::optional<Reach> literal_reach(const std::string& host) {
  sockaddr_in four{};
  four.sin_family = AF_INET;
  if (inet_pton(AF_INET, host.c_str(), &four.sin_addr) == 1) return reach_of(reinterpret_cast<sockaddr*>(&four));
  sockaddr_in6 six{};
  six.sin6_family = AF_INET6;
  if (host.size() > 2 && host[0] == '[' &&
      inet_pton(AF_INET6, host.substr(1, host.size() - 2).c_str(), &six.sin6_addr) == 1) {
    return reach_of(reinterpret_cast<sockaddr*>(&six));
  }
  return std::nullopt;
}

}  // namespace

std::string check_webhook_host(const std::string& entry) {
  const HostPort parts = split_host(entry);
  const bool plain = !parts.host.empty() && std::all_of(parts.host.begin(), parts.host.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || std::string_view(".-_:[]").find(c) != std::string_view::npos;
  });
  const bool port = parts.port.empty() || (parts.port.size() <= 5 && parts.port.find_first_not_of("0123456789") == std::string::npos &&
                                           std::stoi(parts.port) >= 1 && std::stoi(parts.port) <= 65535);
  return plain && port && entry.size() <= 300 ? "" : "\"" + printable(entry) + "\" is no HOST or HOST:PORT";
}

std::string shown_webhook(std::string_view url) {
  const std::size_t end = url.find_first_of("?#");
  return std::string(url.substr(0, end)) + (end == std::string_view::npos ? "" : "?...");
}

struct Webhooks::Job {
  std::uint64_t alert_id = 0;
  std::uint64_t seq = 0;
  std::string url, body;
  int tries = 0;
  std::int64_t due_us = 0;
  bool under_way = false;
  bool done = false;
};

// One try of a job.
struct Webhooks::Transfer {
  explicit Transfer(Job& of, bool listed_, bool literal_) : job(of), listed(listed_), literal(literal_) {
    headers = curl_slist_append(headers, "Content-Type: application/json");
    headers = curl_slist_append(headers, "Expect:");
    const auto set = [this](CURLoption option, auto value) { curl_easy_setopt(handle, option, value); };
    set(CURLOPT_URL, job.url.c_str());
    set(CURLOPT_PROTOCOLS_STR, "http,https");
    set(CURLOPT_FOLLOWLOCATION, 0L);
    set(CURLOPT_PROXY, "");  // whatever the environment says
    set(CURLOPT_HTTPHEADER, headers);
    set(CURLOPT_USERAGENT, "ppo-bridge");
    set(CURLOPT_POSTFIELDSIZE, static_cast<long>(job.body.size()));
    set(CURLOPT_POSTFIELDS, job.body.c_str());
    set(CURLOPT_TIMEOUT_MS, kTimeoutMs);
    set(CURLOPT_NOSIGNAL, 1L);
    set(CURLOPT_QUICK_EXIT, 1L);  // a name that is being looked up is not waited for
    set(CURLOPT_FORBID_REUSE, 1L);
    set(CURLOPT_PRIVATE, static_cast<void*>(this));
    set(CURLOPT_ERRORBUFFER, static_cast<char*>(problem));
    set(CURLOPT_OPENSOCKETFUNCTION, static_cast<curl_opensocket_callback>(&open_socket));
    set(CURLOPT_OPENSOCKETDATA, static_cast<void*>(this));
    set(CURLOPT_WRITEFUNCTION, static_cast<curl_write_callback>(&take_answer));
    set(CURLOPT_WRITEDATA, static_cast<void*>(this));
  }
  ~Transfer() {
    curl_easy_cleanup(handle);
    curl_slist_free_all(headers);
  }
  Transfer(const Transfer&) = delete;
  Transfer& operator=(const Transfer&) = delete;

  // The address that is really connected to is looked at, whatever the name meant before.
  static curl_socket_t open_socket(void* self, curlsocktype, curl_sockaddr* address) {
    auto& transfer = *static_cast<Transfer*>(self);
    const Reach reach = address->family == AF_INET || address->family == AF_INET6 ? reach_of(&address->addr) : Reach::link_local;
    const bool allowed = transfer.listed ? reach != Reach::link_local || transfer.literal : reach == Reach::loopback;
    transfer.forbidden = !allowed;
    return allowed ? ::socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol) : CURL_SOCKET_BAD;
  }
  static std::size_t take_answer(char*, std::size_t size, std::size_t count, void* self) {
    auto& taken = static_cast<Transfer*>(self)->answer_bytes;
    taken += size * count;
    return taken > kAnswerBytesMax ? 0 : size * count;
  }

  Job& job;
  const bool listed;   // the host, in the configuration
  const bool literal;  // it is an address
  CURL* const handle = curl_easy_init();
  curl_slist* headers = nullptr;
  bool forbidden = false;
  std::size_t answer_bytes = 0;
  char problem[CURL_ERROR_SIZE] = {};
};

class Webhooks::Multi {
 public:
  ~Multi() { curl_multi_cleanup(handle); }
  CURLM* const handle = curl_multi_init();
};

Webhooks::Webhooks(std::vector<std::string> hosts, const Clock& clock, Listener listener)
    : hosts_(std::move(hosts)), clock_(clock), listener_(std::move(listener)) {}

Webhooks::~Webhooks() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    stopping_ = true;
    if (multi_ != nullptr) curl_multi_wakeup(multi_->handle);
  }
  if (thread_.joinable()) thread_.join();
}

bool Webhooks::is_listed(const std::string& host, const std::string& port) const {
  return std::any_of(hosts_.begin(), hosts_.end(), [&](const std::string& entry) {
    const HostPort allowed = split_host(entry);
    return allowed.host == host && (allowed.port.empty() || allowed.port == port);
  });
}

std::optional<Webhooks::Refusal> Webhooks::check(const std::string& url) const {
  const auto parts = url.size() <= kWebhookBytesMax ? split_url(url) : std::nullopt;
  if (!parts) {
    return Refusal{false, "must be an http or https URL of at most " + std::to_string(kWebhookBytesMax) +
                              " bytes, without user or password"};
  }
  const auto literal = literal_reach(parts->host);
  if (parts->host == "localhost" || literal == Reach::loopback || is_listed(parts->host, parts->port)) return std::nullopt;
  return Refusal{true, "names the host " + printable(parts->host) + ":" + parts->port +
                           ", which is neither loopback nor in alerts.webhook_hosts"};
}

bool Webhooks::offer(std::uint64_t alert_id, std::uint64_t seq, std::string url, std::string body) {
  auto job = std::make_unique<Job>();
  job->alert_id = alert_id;
  job->seq = seq;
  job->url = std::move(url);
  job->body = std::move(body);
  const std::lock_guard<std::mutex> lock(mutex_);
  const auto of_one = std::count_if(jobs_.begin(), jobs_.end(), [alert_id](const auto& other) {
    return other->alert_id == alert_id && !other->done;
  });
  if (waiting_ >= kWebhooksWaitingMax || static_cast<std::size_t>(of_one) >= kWebhooksWaitingOfOneMax) return false;
  ++waiting_;
  jobs_.push_back(std::move(job));
  if (multi_ != nullptr) curl_multi_wakeup(multi_->handle);
  if (!thread_.joinable()) {
    thread_ = std::thread([this] {
      pthread_setname_np(pthread_self(), "webhooks");
      step_back(kWebhookNice);
      run();
    });
  }
  return true;
}

void Webhooks::run() {
  curl_global_init(CURL_GLOBAL_DEFAULT);
  {
    Multi multi;
    std::vector<std::unique_ptr<Transfer>> transfers;
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      multi_ = &multi;
    }
    while (!stopping_) {
      {
        const std::lock_guard<std::mutex> lock(mutex_);
        jobs_.erase(std::remove_if(jobs_.begin(), jobs_.end(), [](const auto& job) { return job->done; }), jobs_.end());
        std::set<std::uint64_t> busy;  // alerts, each in order
        for (const auto& job : jobs_) {
          const bool first = busy.insert(job->alert_id).second;
          if (!first || job->under_way || job->due_us > clock_.steady_us() || transfers.size() >= kAtATimeMax) continue;
          const HostPort parts = split_url(job->url).value_or(HostPort());
          transfers.push_back(std::make_unique<Transfer>(*job, is_listed(parts.host, parts.port),
                                                         literal_reach(parts.host).has_value()));
          job->under_way = true;
          curl_multi_add_handle(multi.handle, transfers.back()->handle);
        }
      }
      int running = 0;
      curl_multi_perform(multi.handle, &running);
      bool finished = false;
      int left = 0;
      while (const CURLMsg* const message = curl_multi_info_read(multi.handle, &left)) {
        const auto at = std::find_if(transfers.begin(), transfers.end(),
                                     [message](const auto& one) { return one->handle == message->easy_handle; });
        if (message->msg != CURLMSG_DONE || at == transfers.end()) continue;
        Transfer& transfer = **at;
        const CURLcode code = message->data.result;
        long status = 0;
        curl_easy_getinfo(transfer.handle, CURLINFO_RESPONSE_CODE, &status);
        const bool answered = (code == CURLE_OK || code == CURLE_WRITE_ERROR) && status != 0;
        const bool success = answered && status >= 200 && status < 300;
        const bool again = !transfer.forbidden && (!answered || status == 408 || status == 429 || status >= 500);
        Job& job = transfer.job;
        job.under_way = false;
        if (!success && again && ++job.tries < kTriesMax) {
          job.due_us = clock_.steady_us() + (kFirstPauseUs << (job.tries - 1));
        } else {
          finish(job, success,
                 success              ? ""
                 : transfer.forbidden ? "the host's address is neither loopback nor allowed"
                 : answered           ? "HTTP status " + std::to_string(status)
                 : *transfer.problem  ? printable(transfer.problem, CURL_ERROR_SIZE)
                                      : curl_easy_strerror(code));
        }
        curl_multi_remove_handle(multi.handle, transfer.handle);
        transfers.erase(at);
        finished = true;
      }
      if (!finished) curl_multi_poll(multi.handle, nullptr, 0, kPollMs, nullptr);
    }
    for (const auto& transfer : transfers) curl_multi_remove_handle(multi.handle, transfer->handle);
    transfers.clear();
    const std::lock_guard<std::mutex> lock(mutex_);
    multi_ = nullptr;
  }
  curl_global_cleanup();
}

void Webhooks::finish(Job& job, bool success, std::string message) {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    job.done = true;
    --waiting_;
  }
  Sent sent{job.alert_id, job.seq, success, std::move(message)};
  listener_.post([this, alive = std::weak_ptr<char>(alive_), sent = std::move(sent)] {
    if (!alive.expired()) listener_.on_sent(sent);
  });
}

}  // namespace bridge
