#include "net/pages.h"

#include <doctest/doctest.h>

#include "fixture.h"

using namespace bridge;

namespace {

struct Site {
  HttpReply get(const std::string& method, const std::string& path, std::string_view body = {},
                bool own = true) {
    return pages.handle({method, path, "", "127.0.0.1:1", body}, own);
  }
  Bench bench;
  std::string trouble;
  int batches = 0;
  Pages pages{bench.intake, bench.clock,
              {"9.9.9", [] { return std::string("metrics"); }, [this] { return trouble; }, [] { return false; },
               [this] { ++batches; }}};
};

}  // namespace

TEST_CASE("pages: paths, methods and readiness") {
  Site site;
  CHECK(site.get("GET", "/").body.find("9.9.9") != std::string::npos);
  CHECK(site.get("GET", "/").body.find("ws://127.0.0.1:1/ws") != std::string::npos);
  CHECK(site.get("GET", "/healthz").status == 200);
  CHECK(site.get("HEAD", "/readyz").status == 200);
  site.trouble = "stopping";
  CHECK(site.get("GET", "/readyz").status == 503);
  CHECK(site.get("GET", "/metrics").body == "metrics");
  CHECK(site.get("POST", "/metrics").status == 405);
  CHECK(site.get("GET", "/submit_event").status == 405);
  CHECK(site.get("GET", "/ws").status == 426);
  CHECK(site.get("GET", "/../etc/passwd").status == 404);
}

TEST_CASE("pages: a Host header cannot write markup") {
  Site site;
  const auto reply = site.pages.handle({"GET", "/", "", "<script>alert(1)</script>", {}}, true);
  CHECK(reply.body.find("<script>") == std::string::npos);
}

TEST_CASE("pages: POST /submit_event takes what a ZeroMQ message may hold") {
  Site site;
  CHECK(site.get("POST", "/submit_event", R"({"type":"t","data":{}})").body ==
        R"({"status":"success","accepted":1})");
  CHECK(site.batches == 1);
  CHECK(site.get("POST", "/submit_event", "{\"type\":\"t\",\"data\":{}}\nbad").body ==
        R"({"status":"success","accepted":1,"rejected":1})");
  const auto bad = site.get("POST", "/submit_event", R"({"type":"t"})");
  CHECK(bad.status == 400);
  const auto error = parse_json(bad.body);
  CHECK(error["status"] == "error");
  CHECK(error["data"]["error_type"] == "bad_request");
  CHECK(error["data"]["message"] == "no_data: data is missing");
  CHECK(parse_json(site.get("POST", "/submit_event", "{").body)["data"]["error_type"] == "bad_json");
  CHECK(site.get("POST", "/submit_event", R"({"type":"t","data":{}})", false).status == 403);
  CHECK(site.bench.log.last_seq() == 2);
}
