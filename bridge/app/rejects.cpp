#include "app/rejects.h"

#include "base/text.h"
#include "event/messages.h"

namespace bridge {

void Rejects::tell(const RejectedBody& body) {
  std::string peer = body.peer.address;
  if (!body.peer.name.empty()) peer += ", who is " + body.peer.name;
  if (body.why == Reject::forbidden_source || body.why == Reject::forbidden_type) {
    AuditEntry entry;
    entry.what = "source_refused";
    entry.name = body.peer.name;
    entry.credential = body.peer.credential;
    entry.remote = body.peer.address;
    entry.target = body.source;
    entry.outcome = reject_name(body.why);
    audit_.record(entry);
  }
  if (body.why == Reject::forbidden_source && refused_sources_.tell(body.source, clock_.steady_us())) {
    own_events_.publish("system_status", source_refused_data(body.source, peer));
  }
  if (!lines_[static_cast<std::size_t>(body.why)].allow(clock_.steady_us())) return;
  log_warn("event_rejected", "rejected a body of {}{}{}: {}: {}; it begins: {}",
           body.source.empty() ? "an anonymous source" : "source ", body.source,
           peer.empty() ? "" : " from " + printable(peer), reject_name(body.why), body.detail,
           printable(body.body, kBytesShown));
}

void Rejects::tell_more() {
  for (std::size_t r = 0; r < kRejectCount; ++r) {
    const std::uint64_t more = lines_[r].take_held_back(clock_.steady_us());
    if (more != 0) log_warn("events_rejected", "rejected {} more bodies: {}", more, reject_name(static_cast<Reject>(r)));
  }
}

}  // namespace bridge
