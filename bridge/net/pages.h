// The pages on the WebSocket's port: /, /healthz, /readyz, /metrics and POST /submit_event.
#pragma once

#include <functional>
#include <string>

#include "base/clock.h"
#include "core/intake.h"
#include "net/http_reply.h"

namespace bridge {

// One thread: the loop's. All that it is given must outlive it. Nothing is read from the disk.
class Pages {
 public:
  struct Options {
    std::string version;
    std::function<std::string()> metrics;  // Prometheus text exposition format
    std::function<std::string()> trouble;  // why it is not ready; "" = it is
    std::function<bool()> full;            // takes no events for now
    std::function<void()> on_batch;  // called after events were taken in
  };
  Pages(Intake& intake, const Clock& clock, Options options);

  // `own_origin`: the request comes from no other site's page.
  HttpReply handle(const HttpRequest& request, bool own_origin);

 private:
  HttpReply submit_event(const HttpRequest& request);
  HttpReply home() const;

  Intake& intake_;
  const Clock& clock_;
  const Options options_;
};

}  // namespace bridge
