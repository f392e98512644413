// Numbers as people of the Grand Exchange read them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <rapidjson/document.h>

namespace client {

// 1670794 -> "1,670,794".
std::string grouped(std::int64_t value);
std::string grouped(std::uint64_t value);

// As in the game: whole below 10,000 ("9,999"), then three digits and a letter ("38.3k", "1.67m",
// "1.53b"), cut off and not rounded, so that nobody seems richer than he is.
std::string gp(std::int64_t value);
// The same of a JSON number; fractions of a gp are cut off. "?" where it is none.
std::string gp(const rapidjson::Value& value);

// A fraction as a percentage, as the events carry it: 0.0333 -> "3.33%".
std::string percent(double fraction);

// A measured figure in four digits: "-0.01234", "1.2e+08".
std::string figure(double value);

// A JSON number with all the digits of an integer ("1,042"), and four of a fraction.
std::string number(const rapidjson::Value& value);

// A JSON value as a table has it: a text, a number as above, else JSON; "-" where there is none.
std::string cell_of(const rapidjson::Value* value);
// The same of a time: local_date_time().
std::string time_cell_of(const rapidjson::Value* value);

// 1536 -> "1.5 KiB".
std::string byte_size(double bytes);

// 93784.2 -> "1 d 2 h 3 min", the two or three largest units.
std::string duration(double seconds);

// Seconds since 1970 as local time, "14:03:59.123"; dashes where it is no such time.
std::string local_time(double timestamp);

// The same with the date, to the second: "2026-11-22 14:03:59".
std::string local_date_time(double timestamp);

// A JSON number's text from how people write amounts: "250", "-0.5", "1,500,000", "1.67m", "100k",
// "2b". Exact: no digit goes through a double. Nothing where it is not a number.
std::optional<std::string> parse_amount(std::string_view text);

}  // namespace client
