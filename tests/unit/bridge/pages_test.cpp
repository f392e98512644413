#include "net/pages.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <string_view>

#include "fixture.h"
#include "net/gzip.h"

using namespace bridge;

namespace {

struct Site {
  explicit Site(std::vector<PageFile> page = {}) : files(std::move(page)) {}
  HttpReply get(const std::string& method, const std::string& path, std::string_view body = {},
                bool own = true) {
    return ask({method, path, "", "127.0.0.1:1", "", body}, own);
  }
  HttpReply ask(const HttpRequest& request, bool own = true) {
    HttpReply got;
    pages.handle(request, own, [&got](HttpReply reply) { got = std::move(reply); });
    return got;
  }
  Bench bench;
  std::string trouble;
  std::string notice;
  int batches = 0;
  std::vector<PageFile> files;
  Pages pages{bench.intake, bench.clock,
              {"9.9.9", files, [](auto done) { done("metrics"); }, [] { return "{}"; }, [this] { return trouble; }, [this] { return notice; }, [] { return false; },
               [this] { ++batches; }}};
};

}  // namespace

TEST_CASE("pages: paths, methods and readiness") {
  Site site;
  CHECK(site.get("GET", "/").body.find("9.9.9") != std::string::npos);
  CHECK(site.get("GET", "/").body.find("ws://127.0.0.1:1/ws") != std::string::npos);
  CHECK(site.get("GET", "/healthz").status == 200);
  CHECK(site.get("GET", "/debug/slow").body == "{}\n");
  CHECK(site.get("POST", "/debug/slow").status == 405);
  CHECK(site.get("HEAD", "/readyz").status == 200);
  CHECK(site.get("GET", "/readyz").body == "ready\n");
  site.notice = "clock: it has stepped\n";
  CHECK(site.get("GET", "/readyz").status == 200);
  CHECK(site.get("GET", "/readyz").body == "ready\nclock: it has stepped\n");
  site.trouble = "stopping";
  CHECK(site.get("GET", "/readyz").status == 503);
  CHECK(site.get("GET", "/readyz").body == "stopping\nclock: it has stepped\n");
  CHECK(site.get("GET", "/metrics").body == "metrics");
  CHECK(site.get("POST", "/metrics").status == 405);
  CHECK(site.get("GET", "/submit_event").status == 405);
  CHECK(site.get("GET", "/ws").status == 426);
  CHECK(site.get("GET", "/../etc/passwd").status == 404);
}

TEST_CASE("pages: a Host header cannot write markup") {
  Site site;
  const auto reply = site.ask({"GET", "/", "", "<script>alert(1)</script>", "", {}});
  CHECK(reply.body.find("<script>") == std::string::npos);
}

TEST_CASE("pages: the dashboard's files, and nothing but them") {
  Site site({{"/", "text/html", "\"a1\"", false, "<p>"}, {"/assets/x.js", "text/js", "\"b2\"", true, "1"}});
  const auto header = [](const HttpReply& reply, const std::string& name) {
    for (const auto& [key, value] : reply.headers) {
      if (key == name) return value;
    }
    return std::string();
  };
  const auto ask = [&](const std::string& path, const std::string& if_none_match) {
    return site.ask({"GET", path, "", "127.0.0.1:1", if_none_match, {}});
  };
  for (const char* path : {"/assets", "/assets/", "/assets/y.js", "/index.html", "//", "/./",
                           "/assets/../assets/x.js", "/%61ssets/x.js"}) {
    CHECK_MESSAGE(site.get("GET", path).status == 404, path);
  }
  CHECK(site.get("POST", "/assets/x.js").status == 405);
  const auto home = site.get("GET", "/");
  CHECK(home.body == "<p>");
  CHECK(home.cache_control == "no-cache");
  const std::string policy = header(home, "Content-Security-Policy");
  CHECK(policy.find("default-src 'none'; script-src 'self'") == 0);
  CHECK(policy.find("unsafe") == std::string::npos);
  CHECK(policy.substr(policy.find("connect-src")) == "connect-src 'self'");
  site.pages.set_sites({"http://127.0.0.1:5188", "https://m2", "http://a;script-src *"});
  const std::string others = header(site.get("GET", "/"), "Content-Security-Policy");
  CHECK(others.substr(others.find("connect-src")) == "connect-src 'self' ws://127.0.0.1:5188 wss://m2");
  const auto script = site.get("GET", "/assets/x.js");
  CHECK(script.content_type == "text/js");
  CHECK(script.cache_control.find("immutable") != std::string::npos);
  CHECK(header(script, "ETag") == "\"b2\"");

  for (const char* tags : {"\"b2\"", "W/\"b2\"", "\"z\", \"b2\"", "\"z\",W/\"b2\" ,\"y\"", "*"}) {
    const auto unchanged = ask("/assets/x.js", tags);
    CHECK_MESSAGE(unchanged.status == 304, tags);
    CHECK(unchanged.body.empty());
    CHECK(header(unchanged, "ETag") == "\"b2\"");
  }
  for (const char* tags : {"", "\"a1\"", "b2", "\"b2", "x\"b2\"", "\"b2\"x"}) {
    CHECK_MESSAGE(ask("/assets/x.js", tags).status == 200, tags);
  }
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

TEST_CASE("pages: a large body is taken in step by step, and answered behind its last line") {
  Site site;
  std::string body;
  for (int i = 0; i < 20'000; ++i) body += "{}\n";
  body += R"({"type":"t","data":{}})";
  HttpReply got;
  got.status = 0;
  Pages pages(site.bench.intake, site.bench.clock,
              {"9.9.9", {}, {}, {}, {}, {}, [] { return false; }, [] {}, &site.bench.work});
  pages.handle({"POST", "/submit_event", "", "127.0.0.1:1", "", body}, true,
               [&got](HttpReply reply) { got = std::move(reply); });
  int turns = 0;
  for (; got.status == 0 && site.bench.work_once(); ++turns) {
  }
  CHECK(turns > 5);
  CHECK(got.body == R"({"status":"success","accepted":1,"rejected":20000})");
}

TEST_CASE("gunzip: what is large is not moved again and again, and stays within its limit") {
  const std::string zeros(8 << 20, '0');
  Gzip gzip;
  for (std::size_t at = 0; at < zeros.size(); at += Gzip::kStepBytes) {
    REQUIRE(gzip.add(std::string_view(zeros).substr(at, Gzip::kStepBytes), at + Gzip::kStepBytes >= zeros.size()));
  }
  const std::string body = gzip.take();
  for (const std::size_t limit : {std::size_t{8} << 20, std::size_t{12} << 20, std::size_t{64} << 20}) {
    Gunzip gunzip(body, limit);
    std::size_t moved = 0;
    Unzipped result = Unzipped::more;
    while (result == Unzipped::more) {
      const char* const before = gunzip.out().data();
      const std::size_t size = gunzip.out().size();
      result = gunzip.step();
      if (gunzip.out().data() != before) moved = std::max(moved, size);
    }
    CHECK(result == Unzipped::whole);
    CHECK(moved <= 1 << 20);
    CHECK(gunzip.out().capacity() <= limit);
    CHECK(gunzip.take() == zeros);
  }
  Gunzip gunzip(body, (8 << 20) - 1);
  Unzipped result = Unzipped::more;
  while (result == Unzipped::more) result = gunzip.step();
  CHECK(result == Unzipped::too_large);
}
