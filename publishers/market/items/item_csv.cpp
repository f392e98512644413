#include "market/items/item_csv.h"

#include <array>
#include <charconv>
#include <cstdint>
#include <fstream>
#include <locale>
#include <map>
#include <optional>
#include <stdexcept>

#include "market/exchange/tax.h"

namespace market {
namespace {

constexpr std::int64_t kVolumeMax = 1'000'000'000'000;
constexpr std::size_t kValueShownMax = 40;

// What is wrong; leaves this file as ItemLoad::error.
using Fault = std::runtime_error;

// By the standard library, which lets encoded surrogates pass.
bool is_utf8(const std::string& text) {
  using Utf8 = std::codecvt<char32_t, char, std::mbstate_t>;
  std::mbstate_t state{};
  const char* const end = text.data() + text.size();
  const int good =
      std::use_facet<Utf8>(std::locale::classic()).length(state, text.data(), end, text.size());
  return static_cast<std::size_t>(good) == text.size();
}

std::string shown(const std::string& value) {
  if (!is_utf8(value)) return "(not UTF-8)";
  return value.size() <= kValueShownMax ? "'" + value + "'" : "too long to show";
}

// The records of a text, one by one.
struct Records {
  const std::string& text;
  std::size_t at = 0;
  std::size_t line = 1;   // at `at`
  std::size_t began = 1;  // the line of the last one, or of what is wrong

  bool is(std::size_t i, char c) const { return i < text.size() && text[i] == c; }
  bool ends_field(std::size_t i) const {
    return i >= text.size() || text[i] == ',' || text[i] == '\n' || text[i] == '\r';
  }
  void end_line() {
    at += is(at, '\r') && is(at + 1, '\n') ? 2 : 1;
    ++line;
  }

  // Nothing at the end.
  std::vector<std::string> next() {
    while (is(at, '\n') || is(at, '\r')) end_line();
    if (at >= text.size()) return {};
    began = line;
    std::vector<std::string> fields(1);
    bool quoted = false;
    for (; at < text.size() && (quoted || !(is(at, '\n') || is(at, '\r'))); ++at) {
      const char c = text[at];
      if (!quoted && c == ',') {
        fields.emplace_back();
      } else if (c != '"' || (!quoted && !fields.back().empty())) {
        fields.back() += c;
        if (c == '\n') ++line;
      } else if (!quoted) {
        quoted = true;
      } else if (is(at + 1, '"')) {
        fields.back() += text[at++];
      } else if (quoted = false; !ends_field(at + 1)) {
        throw Fault("text after a closing quote; a quote inside a field must be doubled");
      }
    }
    if (quoted) throw Fault("a quoted field is never closed");
    return fields;
  }
};

// One record by the names of its columns.
struct Row {
  const std::map<std::string, std::size_t>& columns;
  const std::vector<std::string>& fields;

  const std::string& text(const char* column) const { return fields[columns.at(column)]; }

  // Nothing where the field is empty.
  std::optional<std::int64_t> number(const char* column, std::int64_t min, std::int64_t max) const {
    const std::string& field = text(column);
    if (field.empty()) return std::nullopt;
    std::int64_t value = 0;
    const char* const end = field.data() + field.size();
    const auto [stop, status] = std::from_chars(field.data(), end, value);
    if (status == std::errc() && stop == end && value >= min && value <= max) return value;
    throw Fault(std::string("column ") + column + " is " + shown(field) +
                "; must be an integer in " + std::to_string(min) + ".." + std::to_string(max));
  }
};

// Nothing where a price is unknown.
std::optional<ItemFacts> read_row(const Row& row) {
  const auto id = row.number("item_id", 1, kPriceMax);
  if (!id) throw Fault("column item_id is empty; must be 1..2147483647");
  ItemFacts item;
  item.id = static_cast<int>(*id);
  item.name = row.text("name");
  if (item.name.empty() || !is_utf8(item.name)) {
    throw Fault("column name is " + (item.name.empty() ? "empty" : shown(item.name)) +
                "; must be UTF-8 text of at least one character");
  }
  item.buy_limit = row.number("buy_limit", 1, kPriceMax);
  const auto high = row.number("high_price", 1, kPriceMax);
  const auto low = row.number("low_price", 1, kPriceMax);
  item.high_volume_1h = row.number("high_volume_1h", 0, kVolumeMax).value_or(0);
  item.low_volume_1h = row.number("low_volume_1h", 0, kVolumeMax).value_or(0);
  if (!high || !low) return std::nullopt;
  item.high_price = *high;
  item.low_price = *low;
  return item;
}

void read_table(Records& records, ItemLoad& load) {
  std::map<std::string, std::size_t> columns;
  const std::vector<std::string> header = records.next();
  for (std::size_t i = 0; i < header.size(); ++i) columns[header[i]] = i;
  for (const char* column : {"item_id", "name", "buy_limit", "high_price", "low_price",
                             "high_volume_1h", "low_volume_1h"}) {
    if (columns.count(column) == 0) {
      throw Fault(std::string("column ") + column + " is missing from the header");
    }
  }
  std::map<std::int64_t, std::size_t> line_of_id;
  for (auto fields = records.next(); !fields.empty(); fields = records.next()) {
    if (fields.size() != header.size()) {
      throw Fault(std::to_string(fields.size()) + " fields; must be " +
                  std::to_string(header.size()) + " as in the header");
    }
    const Row row{columns, fields};
    auto item = read_row(row);
    const auto [first, is_new] =
        line_of_id.emplace(*row.number("item_id", 1, kPriceMax), records.began);
    if (!is_new) {
      throw Fault("column item_id is '" + std::to_string(first->first) + "' as on line " +
                  std::to_string(first->second) + "; must be unique");
    }
    if (item) {
      load.items.push_back(std::move(*item));
    } else {
      ++load.rows_skipped;
    }
  }
}

ItemLoad failed(const std::string& name, const std::string& why) {
  ItemLoad load;
  load.error = name + ": " + why;
  return load;
}

}  // namespace

ItemLoad read_items(std::istream& in, const std::string& name) {
  std::string text;
  std::array<char, 65536> chunk{};
  while (text.size() <= kCsvBytesMax && (in.read(chunk.data(), chunk.size()), in.gcount() > 0)) {
    text.append(chunk.data(), static_cast<std::size_t>(in.gcount()));
  }
  if (in.bad()) return failed(name, "cannot be read");
  if (text.size() > kCsvBytesMax) {
    return failed(name, "larger than " + std::to_string(kCsvBytesMax) + " bytes");
  }
  Records records{text};
  if (text.compare(0, 3, "\xEF\xBB\xBF") == 0) records.at = 3;
  if (text.size() == records.at) return failed(name, "empty; must start with a header line");
  ItemLoad load;
  try {
    read_table(records, load);
  } catch (const Fault& fault) {
    return failed(name + ":" + std::to_string(records.began), fault.what());
  }
  if (!load.items.empty()) return load;
  return failed(name, "no item with both prices; at least one row must have them");
}

ItemLoad load_items(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return in ? read_items(in, path) : failed(path, "cannot be opened");
}

}  // namespace market
