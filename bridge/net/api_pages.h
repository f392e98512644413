// The bridge's questions by HTTP: GET /api/runs and the like, each the command of PROTOCOL section 5 or 8 whose params
// are the query's parameters.
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/request_budget.h"
#include "commands/command_dispatcher.h"
#include "net/http_query.h"
#include "net/http_reply.h"

namespace bridge {

struct ApiPath {
  std::string_view path;
  std::string_view command;
  std::string_view help;
  std::vector<ParameterRow> parameters;
};

// The one table: what is answered, and what is told of it (openapi_json()).
const std::vector<ApiPath>& api_paths();

// What GET /events takes.
const std::vector<ParameterRow>& event_parameters();

// The request to register with that a query of it means; `last_event_id`: that header, or "".
Result<std::string> stream_request(std::string_view query, std::string_view last_event_id);

// All of it as OpenAPI 3.0 has it.
std::string openapi_json(std::string_view version);

// The accounts of who asks by HTTP: one for each name or, where nobody has to say who he is, for each address.
class HttpAccounts {
 public:
  static constexpr std::size_t kMax = 1024;  // the one that asked longest ago goes

  HttpAccounts(const Clock& clock, std::uint64_t requests_per_s_max)
      : clock_(clock), requests_per_s_max_(requests_per_s_max) {}

  std::shared_ptr<RequestBudget> of(const HttpRequest& request);
  // Of accounts that are opened from now on.
  void set_requests_per_s_max(std::uint64_t max) { requests_per_s_max_ = max; }

 private:
  using Entry = std::pair<std::string, std::shared_ptr<RequestBudget>>;
  const Clock& clock_;
  std::uint64_t requests_per_s_max_;
  std::list<Entry> by_use_;  // asked last first
  std::unordered_map<std::string, std::list<Entry>::iterator> by_name_;
};

// One thread: that of the dispatcher, which must outlive it.
class ApiPages {
 public:
  ApiPages(CommandTaker& dispatcher, const Clock& clock, std::string version, std::uint64_t requests_per_s_max)
      : dispatcher_(dispatcher), clock_(clock), version_(std::move(version)), accounts_(clock, requests_per_s_max) {}

  static bool knows(std::string_view path);
  // What is asked of the bridge; of the paths that it knows the other one describes them.
  static bool is_question(std::string_view path);

  void set_requests_per_s_max(std::uint64_t max) { accounts_.set_requests_per_s_max(max); }

  // Answers, now or later. REQUIRES: knows(request.path); a GET or HEAD; of a question it is known who asks, where that
  // matters.
  void handle(const HttpRequest& request, bool own_origin, const HttpAnswer& answer);

 private:
  CommandTaker& dispatcher_;
  const Clock& clock_;
  const std::string version_;
  HttpAccounts accounts_;
};

}  // namespace bridge
