// Requests of HTTP behind each other, what their queries and proxies say, and a body as gzip.

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <string>
#include <string_view>
#include <vector>

#include "base/text.h"
#include "event/json_document.h"
#include "net/api_pages.h"
#include "net/gzip.h"
#include "net/http_parser.h"
#include "net/http_rules.h"
#include "net/proxies.h"

namespace {

using namespace bridge;

constexpr std::size_t kBodyMax = 4096;

[[noreturn]] void fail(const char* what, std::string_view input) {
  std::cerr << "FAILED: " << what << "\ninput: " << printable(input, 100'000) << "\n";
  std::abort();
}

// What a query becomes is JSON.
void check_query(const HttpHead& head, std::string_view input) {
  const auto request = stream_request(head.query, head.field("last-event-id"));
  if (request && !read_document(request.value())) fail("a request that is no JSON", input);
  const auto parameters = parse_query(head.query);
  for (const ApiPath& api : api_paths()) {
    if (!parameters) break;
    const auto members = members_of(parameters.value(), api.parameters);
    if (members && !read_document("{" + members.value() + "}")) fail("params that are no JSON", input);
  }
}

// What came of it, however it was cut into parts.
std::vector<std::string> read(std::string_view input, std::size_t part) {
  std::vector<std::string> requests;
  HttpParser parser(kBodyMax);
  for (std::size_t at = 0; at < input.size();) {
    const std::string_view some = input.substr(at, part);
    const std::size_t took = parser.take(some);
    if (took > some.size()) fail("took more than there is", input);
    at += took;
    if (parser.at() == HttpParser::At::failed) {
      const HttpProblem& problem = parser.problem();
      if (reason_phrase(problem.status).empty() || problem.allowed.empty()) fail("refused without a reason", input);
      (void)problem_reply(problem, 0);
      requests.push_back(std::to_string(problem.status));
      return requests;
    }
    if (parser.at() == HttpParser::At::end) {
      if (parser.body().size() > kBodyMax) fail("a body beyond the limit", input);
      const HttpHead& head = parser.head();
      if (head.path.empty() || head.fields.size() > kHttpFieldsMax) fail("a head that is none", input);
      requests.push_back(head.method + " " + head.path + "?" + head.query + " " + head.host + "\n" + parser.body());
      const Address listen{"127.0.0.1", 1};
      const WebSites sites{{}, {"http://a.example"}};
      check_query(head, input);
      (void)TrustedProxies({"127.0.0.0/8", "fd00::/8"}).asker({"127.0.0.1:1", false}, head);
      HttpReply reply;
      allow_origin(head, {listen, sites}, reply);
      if (!refuse_head(head, {listen, sites}, 0) && !refuse_handshake(head, {listen, sites}, 0)) {
        // What goes on to websocketpp says the same once more, and nothing else.
        HttpParser again(0);
        const std::string plain = plain_handshake(head);
        if (again.take(plain) != plain.size() || again.at() != HttpParser::At::end || !is_websocket_handshake(again.head())) {
          fail("a handshake that is another one", input);
        }
      }
      parser.next();
    } else if (took == 0) {
      fail("no progress", input);
    }
  }
  return requests;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const auto whole = read(input, input.size() + 1);
  if (read(input, 1) != whole || read(input, 7) != whole) fail("another request when it comes in parts", input);
  (void)accepts_gzip(input);

  Gunzip gunzip(input, kBodyMax);
  Unzipped result = Unzipped::more;
  while (result == Unzipped::more) result = gunzip.step();
  if (gunzip.out().size() > kBodyMax || gunzip.out().capacity() > kBodyMax + 16) fail("gzip beyond the limit", input);
  return 0;
}
