#include "ppo-client/top_screen.h"

#include <doctest/doctest.h>

#include <cmath>
#include <sstream>
#include <string>
#include <vector>

#include "ppo-client/text.h"

using namespace client;

namespace {

constexpr const char* kTopStatus = R"({"version":"0.1.0","epoch":"k3f","seq":1042,"uptime_s":93784.2,
  "clients":{"connected":2},"events":{"accepted":900,"sent":1800,"bytes_received":100000,"bytes_sent":200000,"lost":3,"rejected":0},
  "alerts":{"raised":1},"loop":{"turn_us_max":3200},"journal":{"holds_s":12960,"age_max_s":604800},
  "memory":{"bytes_max":1073741824,"resident_bytes":104857600,"queues":{"history":{"bytes":50,"bytes_max":100,"refused":0},
    "clients":{"bytes":0,"bytes_max":100,"refused":7},"past":{"bytes":0,"bytes_max":100,"refused":0}}},
  "delays":{"bounds_ms":[0.1,1,10],"publish_to_receive":[0,0,0,5],"receive_to_send":{"each":[90,9,1,0]},"send_to_ack":{}}})";
constexpr const char* kTopSources = R"({"sources":[
  {"source":"quiet","state":"gone","events_per_s":0,"events":1,"lost":0,"held":0,"last_event":1000,"activity":"stopped"},
  {"source":"busy","state":"live","events_per_s":950.04,"events":1234567,"lost":3,"held":12,"last_event":1009.9,"activity":"running",
   "clock_ahead_ms":0.21,"clock_error_ms":0.1},
  {"source":"stuck","state":"stalled","events_per_s":1,"events":5,"lost":0,"held":0,"last_event":990}]})";
constexpr const char* kTopClients = R"({"clients":[
  {"connection":1,"client_id":"dashboard","transport":"websocket","remote":"127.0.0.1:50000","lag":0,"events_sent":100,"bytes_sent":1000,"gaps":0},
  {"connection":7,"client_id":"","transport":"sse","remote":"[::1]:50001","lag":70000,"events_sent":9,"bytes_sent":90,"gaps":2}]})";

std::vector<std::string> screen_lines(const std::string& text) {
  std::vector<std::string> found;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) found.push_back(line);
  return found;
}

std::size_t line_with(const std::string& text, const std::string& what) {
  const auto all = screen_lines(text);
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (all[i].find(what) != std::string::npos) return i;
  }
  return 999;
}

TopSample sample_at(double at_s) {
  TopSample sample = read_top_sample(kTopStatus, kTopSources, kTopClients);
  sample.at_s = at_s;
  sample.now_s = 1010;
  return sample;
}

}  // namespace

TEST_CASE("top: of answers that are no answers nothing is shown, and nothing goes wrong") {
  for (const char* const bad : {"", "null", "[]", "{", R"({"memory":5,"delays":{"bounds_ms":[1],"publish_to_receive":[1]}})",
                                R"({"events":{"accepted":-1},"memory":{"queues":[1]},"delays":[],"sources":[1],"clients":[null]})"}) {
    const TopSample sample = read_top_sample(bad, bad, bad);
    CHECK(sample.events_in == 0);
    CHECK(sample.delays.empty());
    CHECK_FALSE(top_screen(sample, &sample, &sample, {}, 0, "").empty());
    CHECK(screen_lines(top_screen(sample, nullptr, nullptr, {false, 1}, 1, "")).size() == 1);
  }
}

TEST_CASE("top: a quantile is the bound that so many do not exceed") {
  CHECK_FALSE(quantile({1, 10}, {0, 0, 0}, 0.5));
  CHECK(*quantile({1, 10}, {50, 50, 0}, 0.5) == 1);
  CHECK(*quantile({1, 10}, {49, 51, 0}, 0.5) == 10);
  CHECK(std::isinf(*quantile({1, 10}, {0, 98, 2}, 0.99)));
  CHECK(difference({5, 5}, {2, 5}) == TopDelays{3, 0});
  CHECK(difference({5, 5}, {6, 0}) == TopDelays{5, 5});  // it has begun anew
  CHECK(difference({5, 5}, {1}) == TopDelays{5, 5});
}

TEST_CASE("top: what is wrong stands first, rates are of two looks, and every line fits") {
  const TopSample before = sample_at(100);
  TopSample now = sample_at(102);
  now.events_in += 1900;
  now.client_list[1].events_sent += 50;
  for (const std::size_t width : {std::size_t{80}, std::size_t{160}, std::size_t{0}}) {
    const std::string text = top_screen(now, &before, nullptr, {false, width}, 0, "");
    CAPTURE(text);
    for (const std::string& line : screen_lines(text)) CHECK(display_width(line) <= (width == 0 ? 160 : width));
    CHECK(line_with(text, "stuck") < line_with(text, "busy"));
    CHECK(line_with(text, "busy") < line_with(text, "quiet"));
    CHECK(line_with(text, "#7") < line_with(text, "dashboard"));  // by lag; one without a name has its number
    CHECK(text.find("950/s in") != std::string::npos);
    CHECK(screen_lines(text)[line_with(text, "#7")].find(" 25 ") != std::string::npos);
    CHECK(screen_lines(text)[line_with(text, "busy")].find("+0.2 ~0.1 ms") != std::string::npos);
    CHECK(screen_lines(text)[line_with(text, "publish to bridge")].find(">10 ms") != std::string::npos);  // above all bounds
    CHECK(text.find("journal holds 3.6 h") != std::string::npos);
    CHECK(text.find("refused 7") != std::string::npos);
    CHECK(text.find("past") == std::string::npos);  // nothing is in it
    CHECK(text.find('\x1b') == std::string::npos);
  }
  CHECK(top_screen(now, &before, nullptr, {true, 80}, 0, "").find('\x1b') != std::string::npos);
}

TEST_CASE("top: many sources and clients share the lines that there are") {
  TopSample now = sample_at(1);
  for (int i = 0; i < 500; ++i) {
    now.sources.push_back(now.sources[0]);
    now.client_list.push_back(now.client_list[0]);
  }
  for (const std::size_t rows : {24, 40, 100}) {
    const std::string text = top_screen(now, nullptr, nullptr, {false, 80}, rows, "connection lost");
    CHECK(screen_lines(text).size() <= rows);
    CHECK(screen_lines(text)[0] == "connection lost");
    CHECK(text.find("more sources") != std::string::npos);
    CHECK(text.find("more clients") != std::string::npos);
  }
  CHECK(screen_lines(top_screen(now, nullptr, nullptr, {false, 80}, 5, "")).size() == 5);
}

TEST_CASE("top: a name cannot reach the terminal") {
  TopSample now = sample_at(1);
  now.client_list[0].name = "a\x1b[2Jb\nc\xc2\x9b" "d\xe2\x80\xae";
  now.sources[0].name = "x\r\x1b]0;t\x07";
  now.version = "\x1b[31m";
  const std::string text = top_screen(now, nullptr, nullptr, {false, 80}, 0, "lost\x1b[0m\nagain");
  for (const char c : text) CHECK((c == '\n' || static_cast<unsigned char>(c) >= 0x20));
  CHECK(text.find("\xc2\x9b") == std::string::npos);
  CHECK(text.find("\xe2\x80\xae") == std::string::npos);
  CHECK(line_with(text, "again") == 0);
}
