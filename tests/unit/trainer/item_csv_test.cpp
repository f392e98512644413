#include "market/items/item_csv.h"

#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>

#include <doctest/doctest.h>

using market::ItemLoad;

namespace {

const std::string kHeader =
    "item_id,name,members,buy_limit,high_alch,high_price,low_price,high_volume_1h,low_volume_1h\n";

ItemLoad read(const std::string& text) {
  std::istringstream in(text);
  return market::read_items(in, "items.csv");
}

std::string error_of_row(const std::string& row) {
  const ItemLoad load = read(kHeader + "2,Steel cannonball,1,11000,3,220,222,1,1\n" + row + "\n");
  CHECK(load.items.empty());
  return load.error;
}

}  // namespace

TEST_CASE("item csv: a bad value is named with its line, column, value and range") {
  CHECK(error_of_row("x,A,1,1,1,10,9,1,1") ==
        "items.csv:3: column item_id is 'x'; must be an integer in 1..2147483647");
  CHECK(error_of_row(",A,1,1,1,10,9,1,1") ==
        "items.csv:3: column item_id is empty; must be 1..2147483647");
  CHECK(error_of_row("3,,1,1,1,10,9,1,1") ==
        "items.csv:3: column name is empty; must be UTF-8 text of at least one character");
  CHECK(error_of_row("3,A,1,0,1,10,9,1,1") ==
        "items.csv:3: column buy_limit is '0'; must be an integer in 1..2147483647");
  CHECK(error_of_row("3,A,1,1,1,2147483648,9,1,1") ==
        "items.csv:3: column high_price is '2147483648'; must be an integer in 1..2147483647");
  CHECK(error_of_row("3,A,1,1,1,10,-9,1,1") ==
        "items.csv:3: column low_price is '-9'; must be an integer in 1..2147483647");
  CHECK(error_of_row("3,A,1,1,1,10,9.5,1,1") ==
        "items.csv:3: column low_price is '9.5'; must be an integer in 1..2147483647");
  CHECK(error_of_row("3,A,1,1,1,10,9,1,-1") ==
        "items.csv:3: column low_volume_1h is '-1'; must be an integer in 0..1000000000000");
  CHECK(error_of_row("2,Again,1,1,1,10,9,1,1") ==
        "items.csv:3: column item_id is '2' as on line 2; must be unique");
  CHECK(
      error_of_row("99999999999999999999999,A,1,1,1,10,9,1,1").find("'99999999999999999999999'") !=
      std::string::npos);
}

TEST_CASE("item csv: a row of the wrong width, a broken quote and bytes that are not UTF-8") {
  CHECK(error_of_row("3,A,1,1,1,10,9,1") == "items.csv:3: 8 fields; must be 9 as in the header");
  CHECK(error_of_row("3,A,1,1,1,10,9,1,1,") ==
        "items.csv:3: 10 fields; must be 9 as in the header");
  CHECK(error_of_row("3,\"A,1,1,1,10,9,1,1") == "items.csv:3: a quoted field is never closed");
  CHECK(error_of_row("3,\"A\"B,1,1,1,10,9,1,1").find("after a closing quote") != std::string::npos);
  for (const char* bytes : {"\xff", "\xc3", "\xc0\xaf", "\xf4\x90\x80\x80"}) {
    CAPTURE(bytes);
    CHECK(error_of_row(std::string("3,A") + bytes + ",1,1,1,10,9,1,1").find("must be UTF-8") !=
          std::string::npos);
  }
}

TEST_CASE("item csv: a missing column, an empty file and a table without prices say so") {
  CHECK(read("").error == "items.csv: empty; must start with a header line");
  CHECK(read("item_id,name\n").error == "items.csv:1: column buy_limit is missing from the header");
  CHECK(read(kHeader).error ==
        "items.csv: no item with both prices; at least one row must have them");
  CHECK(read(kHeader + "3,A,1,1,1,,9,1,1\n").error ==
        "items.csv: no item with both prices; at least one row must have them");
  CHECK(market::load_items("/nonexistent/items.csv").error ==
        "/nonexistent/items.csv: cannot be opened");
}

TEST_CASE("item csv: rows without both prices are skipped and counted") {
  const ItemLoad load = read(kHeader + "1,A,1,5,1,,9,1,1\n2,B,1,5,1,10,,1,1\n3,C,1,5,1,10,9,1,1\n");
  REQUIRE(load.ok());
  CHECK(load.rows_skipped == 2);
  REQUIRE(load.items.size() == 1);
  CHECK(load.items[0].name == "C");
}

TEST_CASE("item csv: quotes, apostrophes, accents, empty fields, CRLF and a byte order mark") {
  const ItemLoad load =
      read("\xEF\xBB\xBF" + kHeader.substr(0, kHeader.size() - 1) + "\r\n" +
           "12934,Zulrah's scales,1,30000,12,234,228,1887351,821290\r\n" +
           "29963,Imperial ros\xC3\xA9,1,,60,437,69,,\r\n" + "\r\n" +
           "7,\"A \"\"big\"\", red\nthing\",,8,,2147483647,1,0,5\r\n" + "8,last,1,1,1,1,1,1,1");
  REQUIRE(load.error == "");
  REQUIRE(load.items.size() == 4);
  CHECK(load.items[0].name == "Zulrah's scales");
  CHECK(load.items[0].buy_limit == 30000);
  CHECK(load.items[1].name == "Imperial ros\xC3\xA9");
  CHECK_FALSE(load.items[1].buy_limit.has_value());
  CHECK(load.items[1].high_volume_1h == 0);
  CHECK(load.items[2].name == "A \"big\", red\nthing");
  CHECK(load.items[2].high_price == 2'147'483'647);
  CHECK(load.items[2].low_volume_1h == 5);
  CHECK(load.items[3].name == "last");
}

TEST_CASE("item csv: columns are found by name, others are ignored") {
  const ItemLoad load = read(
      "colour,low_price,high_price,low_volume_1h,high_volume_1h,buy_limit,name,item_id\n"
      "red,222,220,4,5,11000,Steel cannonball,2\n");
  REQUIRE(load.ok());
  CHECK(load.items[0].id == 2);
  CHECK(load.items[0].low_price == 222);  // above the high price, kept as it is
  CHECK(load.items[0].high_price == 220);
  CHECK(load.items[0].high_volume_1h == 5);
}

TEST_CASE("item csv: the whole table of real items is read and knows the built-in ones") {
  const char* from_environment = std::getenv("PPO_GE_ITEMS");
  const std::string path = from_environment != nullptr ? from_environment : PPO_GE_ITEMS_DEFAULT;
  if (!std::ifstream(path)) {
    MESSAGE("skipped: no item table at " << path << " (PPO_GE_ITEMS names another place)");
    return;
  }
  const ItemLoad load = market::load_items(path);
  REQUIRE(load.error == "");
  CHECK(load.items.size() + load.rows_skipped > 4000);
  std::size_t found = 0;
  std::size_t crossed = 0;
  std::size_t unlimited = 0;
  for (const auto& item : load.items) {
    crossed += item.low_price > item.high_price ? 1 : 0;
    unlimited += item.buy_limit ? 0 : 1;
    for (const auto& known : market::builtin_items()) {
      if (known.id != item.id) continue;
      ++found;
      CHECK(known.name == item.name);
      CHECK(known.buy_limit == item.buy_limit);
      CHECK(known.high_price == item.high_price);
      CHECK(known.low_price == item.low_price);
      CHECK(known.high_volume_1h == item.high_volume_1h);
      CHECK(known.low_volume_1h == item.low_volume_1h);
    }
  }
  CHECK(found == market::builtin_items().size());
  CHECK(crossed > 0);
  CHECK(unlimited > 0);
}

TEST_CASE("items: the built-in table has 26 items with facts in range") {
  CHECK(market::builtin_items().size() == 26);
  for (const auto& item : market::builtin_items()) {
    CAPTURE(item.name);
    CHECK(item.high_price >= 1);
    CHECK(item.low_price >= 1);
    CHECK(item.buy_limit.has_value());
    CHECK(item.high_volume_1h > 0);
    CHECK(item.low_volume_1h > 0);
  }
}
