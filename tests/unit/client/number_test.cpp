#include "ppo-client/number.h"

#include <cstdint>
#include <limits>
#include <string>

#include <doctest/doctest.h>

#include "ppo-client/json_text.h"

using client::gp;
using client::grouped;
using client::parse_amount;

TEST_CASE("number: gp as in the game, cut off and not rounded") {
  CHECK(gp(0) == "0");
  CHECK(gp(999) == "999");
  CHECK(gp(9999) == "9,999");
  CHECK(gp(10000) == "10k");
  CHECK(gp(38378) == "38.3k");
  CHECK(gp(99999) == "99.9k");
  CHECK(gp(670000) == "670k");
  CHECK(gp(999999) == "999k");
  CHECK(gp(1000000) == "1m");
  CHECK(gp(1009999) == "1m");
  CHECK(gp(1670794) == "1.67m");
  CHECK(gp(24586508) == "24.5m");
  CHECK(gp(999999999) == "999m");
  CHECK(gp(1538895450) == "1.53b");
  CHECK(gp(2147483647) == "2.14b");
  CHECK(gp(1538895450000) == "1,538b");
  CHECK(gp(-38378) == "-38.3k");
  CHECK(gp(std::numeric_limits<std::int64_t>::max()) == "9,223,372,036b");
  CHECK(gp(std::numeric_limits<std::int64_t>::min()) == "-9,223,372,036b");
}

TEST_CASE("number: gp of any JSON value") {
  const auto of = [](const char* text) { return gp(*client::parse(text)); };
  CHECK(of("1670794") == "1.67m");
  CHECK(of("1670794.9") == "1.67m");
  CHECK(of("-0.5") == "0");
  CHECK(of("1e300") == "1e+300");
  CHECK(of("18446744073709551615") == "1.84e+19");
  CHECK(of("null") == "?");
  CHECK(of("\"5\"") == "?");
}

TEST_CASE("number: integers show all their digits") {
  CHECK(grouped(std::uint64_t{1042}) == "1,042");
  CHECK(grouped(std::uint64_t{999}) == "999");
  CHECK(grouped(std::numeric_limits<std::uint64_t>::max()) == "18,446,744,073,709,551,615");
  CHECK(grouped(std::numeric_limits<std::int64_t>::min()) == "-9,223,372,036,854,775,808");
  const auto of = [](const char* text) { return client::number(*client::parse(text)); };
  CHECK(of("18446744073709551615") == "18,446,744,073,709,551,615");
  CHECK(of("1500000.0") == "1,500,000");
  CHECK(of("0.123456") == "0.1235");
}

TEST_CASE("number: percentages, figures, sizes and durations") {
  CHECK(client::percent(0.0333) == "3.33%");
  CHECK(client::percent(-0.5) == "-50.00%");
  CHECK(client::figure(-0.012345) == "-0.01235");
  CHECK(client::byte_size(512) == "512 B");
  CHECK(client::byte_size(1536) == "1.5 KiB");
  CHECK(client::byte_size(3.5 * 1024 * 1024 * 1024) == "3.5 GiB");
  CHECK(client::duration(0.25) == "0.25 s");
  CHECK(client::duration(61) == "1 min 1 s");
  CHECK(client::duration(93784.2) == "1 d 2 h 3 min");
  CHECK(client::duration(-1) == "-1 s");
}

TEST_CASE("number: times are local, to the millisecond, and never of nonsense") {
  CHECK(client::local_time(1619395200.251003) == "00:00:00.251");
  CHECK(client::local_time(1619395199.999999) == "23:59:59.999");
  CHECK(client::local_date_time(1619395199.9) == "2021-04-25 23:59:59");
  CHECK(client::local_date_time(-1) == "----------");
  for (const double nonsense : {-1.0, 1e300, std::numeric_limits<double>::quiet_NaN()}) {
    CHECK(client::local_time(nonsense) == "--:--:--.---");
  }
}

TEST_CASE("number: amounts as people write them, exactly") {
  for (const char* const bad :
       {"",   "-",   "k",   "x",     "1.", ".5",   "1..2",  "1,", ",1",  "1,,0", "007",
        "1e", "1e+", "1ek", "1 000", "+5", "0x10", "1.5.2", "mm", "1mk", "nan"}) {
    CAPTURE(bad);
    CHECK_FALSE(parse_amount(bad));
  }
  CHECK(parse_amount("0") == "0");
  CHECK(parse_amount("-250") == "-250");
  CHECK(parse_amount("0.5") == "0.5");
  CHECK(parse_amount("1,500,000") == "1500000");
  CHECK(parse_amount("1_000") == "1000");
  CHECK(parse_amount("100k") == "100000");
  CHECK(parse_amount("1.67m") == "1670000");
  CHECK(parse_amount("0.5k") == "500");
  CHECK(parse_amount("0.0005k") == "0.5");
  CHECK(parse_amount("1.23456k") == "1234.56");
  CHECK(parse_amount("2B") == "2000000000");
  CHECK(parse_amount("0k") == "0");
  CHECK(parse_amount("-1.5e-3") == "-1.5e-3");
  CHECK(parse_amount("92233720368547758079") == "92233720368547758079");
}
