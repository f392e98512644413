// The pages on the WebSocket's port: the dashboard's files, /healthz, /readyz, /metrics, /debug/slow, POST
// /submit_event, and /login and /logout.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "audit/audit.h"
#include "base/clock.h"
#include "base/work_queue.h"
#include "net/api_pages.h"
#include "net/http_reply.h"
#include "net/login_pages.h"
#include "net/page_file.h"
#include "sources/intake.h"

namespace bridge {

// One thread: the loop's. All that it is given must outlive it. Nothing is read from the disk.
class Pages {
 public:
  struct Options {
    std::string version;
    std::vector<PageFile> files;           // the dashboard; empty: "/" says how to get it
    // Calls back, now or later, with Prometheus's text exposition format.
    std::function<void(std::function<void(std::string text)>)> metrics;
    std::function<std::string()> slow_turns;  // JSON
    std::function<std::string()> trouble;  // why it is not ready; "" = it is
    std::function<std::string()> notice;   // lines that /readyz tells besides; "" = none
    std::function<bool()> full;            // takes no events for now
    std::function<void()> on_batch;  // called after events were taken in
    WorkQueue* work = nullptr;       // for large bodies; null: all is done at once
    CommandTaker* commands = nullptr;  // what answers /api/...; null: nothing is there
    std::uint64_t requests_per_s_max = 1000;  // of these, of each who asks
    LoginPages login = {};
    Audit* audit = nullptr;          // where refusals are recorded; null: nowhere
  };
  Pages(Intake& intake, const Clock& clock, Options options);

  // From now on: of who asks anew, and of logins.
  void set_limits(std::uint64_t requests_per_s_max, std::int64_t session_s);

  // websocket.origins: the dashboard may go to the bridges there, as their pages may come here. REQUIRES: checked ones
  void set_sites(const std::vector<std::string>& origins);

  // `own_origin`: the request comes from no other site's page.
  void handle(const HttpRequest& request, bool own_origin, const HttpAnswer& answer);

 private:
  HttpReply reply_to(const HttpRequest& request, bool own_origin);
  // What a path may be asked with; "" where there is none.
  std::string_view methods(std::string_view path) const;
  // Nothing where whoever asks may have that path. The dashboard's files and /healthz are for everybody.
  std::optional<HttpReply> refusal(const HttpRequest& request) const;
  void submit_event(const HttpRequest& request, const HttpAnswer& answer);
  HttpReply submitted(const IntakeOutcome& outcome) const;
  // Nothing where no file of the dashboard has that path.
  const PageFile* file(std::string_view path) const;
  HttpReply home(const HttpRequest& request) const;

  Intake& intake_;
  const Clock& clock_;
  Options options_;
  std::string policy_;
  std::optional<ApiPages> api_;
  std::vector<std::string> zipped_;  // the files as gzip; "" where that is no smaller
};

}  // namespace bridge
