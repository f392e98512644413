#include "market/item_csv.h"

#include <array>
#include <charconv>
#include <cstdint>
#include <fstream>
#include <iterator>
#include <optional>
#include <unordered_map>

#include "market/tax.h"

namespace market {
namespace {

enum Column : std::size_t { kId, kName, kLimit, kHigh, kLow, kHighVolume, kLowVolume, kColumns };

constexpr std::array<const char*, kColumns> kColumnNames = {
    "item_id", "name", "buy_limit", "high_price", "low_price", "high_volume_1h", "low_volume_1h"};
constexpr std::int64_t kVolumeMax = 1'000'000'000'000;
constexpr std::size_t kValueShownMax = 40;

// Splits text into records. Keeps the line on which the current record began, for messages.
class CsvReader {
 public:
  explicit CsvReader(const std::string& text) : text_(text) {
    if (text_.compare(0, 3, "\xEF\xBB\xBF") == 0) at_ = 3;
  }

  // Reads the next record into `fields`; false at the end or on an error, see error().
  bool next(std::vector<std::string>& fields) {
    while (at_ < text_.size() && (text_[at_] == '\n' || text_[at_] == '\r')) end_line();
    if (at_ >= text_.size()) return false;
    record_line_ = line_;
    fields.clear();
    for (;;) {
      fields.emplace_back();
      if (!field(fields.back())) return false;
      if (at_ >= text_.size()) return true;
      if (text_[at_] != ',') break;
      ++at_;
    }
    end_line();
    return true;
  }

  std::size_t line() const { return record_line_; }
  const std::string& error() const { return error_; }

 private:
  bool field(std::string& out) {
    if (at_ < text_.size() && text_[at_] == '"') return quoted_field(out);
    while (at_ < text_.size() && text_[at_] != ',' && text_[at_] != '\n' && text_[at_] != '\r') {
      out.push_back(text_[at_++]);
    }
    return true;
  }

  bool quoted_field(std::string& out) {
    for (++at_; at_ < text_.size(); ++at_) {
      const char c = text_[at_];
      if (c == '\n') ++line_;
      if (c != '"') {
        out.push_back(c);
      } else if (at_ + 1 < text_.size() && text_[at_ + 1] == '"') {
        out.push_back('"');
        ++at_;
      } else {
        ++at_;
        if (at_ >= text_.size() || text_[at_] == ',' || text_[at_] == '\n' || text_[at_] == '\r') {
          return true;
        }
        error_ = "text after a closing quote; a quote inside a field must be doubled";
        return false;
      }
    }
    error_ = "a quoted field is never closed";
    return false;
  }

  void end_line() {
    if (text_[at_] == '\r' && at_ + 1 < text_.size() && text_[at_ + 1] == '\n') ++at_;
    ++at_;
    ++line_;
  }

  const std::string& text_;
  std::size_t at_ = 0;
  std::size_t line_ = 1;
  std::size_t record_line_ = 1;
  std::string error_;
};

// Well-formed UTF-8 as RFC 3629 has it: no overlong forms, no surrogates, nothing above U+10FFFF.
bool is_utf8(const std::string& s) {
  std::size_t i = 0;
  while (i < s.size()) {
    const auto lead = static_cast<unsigned char>(s[i]);
    if (lead < 0x80) {
      ++i;
      continue;
    }
    const std::size_t more = lead >= 0xF0 ? 3 : lead >= 0xE0 ? 2 : 1;
    if (lead < 0xC2 || lead > 0xF4 || i + more >= s.size()) return false;
    for (std::size_t k = 1; k <= more; ++k) {
      if ((static_cast<unsigned char>(s[i + k]) & 0xC0) != 0x80) return false;
    }
    const auto second = static_cast<unsigned char>(s[i + 1]);
    if ((lead == 0xE0 && second < 0xA0) || (lead == 0xED && second > 0x9F) ||
        (lead == 0xF0 && second < 0x90) || (lead == 0xF4 && second > 0x8F)) {
      return false;
    }
    i += more + 1;
  }
  return true;
}

std::string shown(const std::string& value) {
  if (!is_utf8(value)) return "(not UTF-8)";
  if (value.size() <= kValueShownMax) return "'" + value + "'";
  std::size_t cut = kValueShownMax;
  while (cut > 0 && (static_cast<unsigned char>(value[cut]) & 0xC0) == 0x80) --cut;
  return "'" + value.substr(0, cut) + "...'";
}

// Turns records into items; collects the first error.
class TableReader {
 public:
  TableReader(const std::string& text, std::string name) : csv_(text), name_(std::move(name)) {}

  ItemLoad read() {
    ItemLoad load;
    if (!read_header()) return fail();
    while (csv_.next(fields_)) {
      if (fields_.size() != width_) {
        set_error(std::to_string(fields_.size()) + " fields; must be " + std::to_string(width_) +
                  " as in the header");
        return fail();
      }
      std::optional<ItemFacts> item = read_row();
      if (!error_.empty()) return fail();
      if (item) {
        load.items.push_back(std::move(*item));
      } else {
        ++load.rows_skipped;
      }
    }
    if (!csv_.error().empty()) {
      set_error(csv_.error());
      return fail();
    }
    if (load.items.empty()) {
      error_ = name_ + ": no item with both prices; at least one row must have them";
      return fail();
    }
    return load;
  }

 private:
  bool read_header() {
    if (!csv_.next(fields_)) {
      error_ = csv_.error().empty() ? name_ + ": empty; must start with a header line"
                                    : name_ + ":1: " + csv_.error();
      return false;
    }
    width_ = fields_.size();
    for (std::size_t c = 0; c < kColumns; ++c) {
      std::optional<std::size_t> found;
      for (std::size_t i = 0; i < width_; ++i) {
        if (fields_[i] == kColumnNames[c]) found = i;
      }
      if (!found) {
        set_error(std::string("column ") + kColumnNames[c] + " is missing from the header");
        return false;
      }
      column_[c] = *found;
    }
    return true;
  }

  // One item; none where a price is unknown. On a bad value error_ is set.
  std::optional<ItemFacts> read_row() {
    ItemFacts item;
    const auto id = number(kId, 1, kPriceMax);
    item.name = fields_[column_[kName]];
    const auto limit = number(kLimit, 1, kPriceMax);
    const auto high = number(kHigh, 1, kPriceMax);
    const auto low = number(kLow, 1, kPriceMax);
    const auto high_volume = number(kHighVolume, 0, kVolumeMax);
    const auto low_volume = number(kLowVolume, 0, kVolumeMax);
    if (!error_.empty()) return std::nullopt;
    if (!id) {
      set_error("column item_id is empty; must be 1..2147483647");
      return std::nullopt;
    }
    if (item.name.empty() || !is_utf8(item.name)) {
      set_error("column name is " + (item.name.empty() ? "empty" : shown(item.name)) +
                "; must be UTF-8 text of at least one character");
      return std::nullopt;
    }
    const auto [first, is_new] = line_of_id_.emplace(*id, csv_.line());
    if (!is_new) {
      set_error("column item_id is '" + std::to_string(*id) + "' as on line " +
                std::to_string(first->second) + "; must be unique");
      return std::nullopt;
    }
    if (!high || !low) return std::nullopt;
    item.id = static_cast<int>(*id);
    item.buy_limit = limit;
    item.high_price = *high;
    item.low_price = *low;
    item.high_volume_1h = high_volume.value_or(0);
    item.low_volume_1h = low_volume.value_or(0);
    return item;
  }

  // The number in a column; none where the field is empty. Sets error_ where it is no integer in
  // min..max.
  std::optional<std::int64_t> number(Column column, std::int64_t min, std::int64_t max) {
    const std::string& text = fields_[column_[column]];
    if (text.empty()) return std::nullopt;
    std::int64_t value = 0;
    const char* end = text.data() + text.size();
    const auto [stop, status] = std::from_chars(text.data(), end, value);
    if (status != std::errc() || stop != end || value < min || value > max) {
      set_error(std::string("column ") + kColumnNames[column] + " is " + shown(text) +
                "; must be an integer in " + std::to_string(min) + ".." + std::to_string(max));
      return std::nullopt;
    }
    return value;
  }

  void set_error(const std::string& message) {
    if (error_.empty()) error_ = name_ + ":" + std::to_string(csv_.line()) + ": " + message;
  }

  ItemLoad fail() {
    ItemLoad load;
    load.error = error_;
    return load;
  }

  CsvReader csv_;
  std::string name_;
  std::vector<std::string> fields_;
  std::array<std::size_t, kColumns> column_{};
  std::size_t width_ = 0;
  std::unordered_map<std::int64_t, std::size_t> line_of_id_;
  std::string error_;
};

}  // namespace

ItemLoad read_items(std::istream& in, const std::string& name) {
  std::string text;
  std::array<char, 65536> chunk{};
  while (in.read(chunk.data(), chunk.size()), in.gcount() > 0) {
    text.append(chunk.data(), static_cast<std::size_t>(in.gcount()));
    if (text.size() > kCsvBytesMax) {
      ItemLoad load;
      load.error = name + ": larger than " + std::to_string(kCsvBytesMax) + " bytes";
      return load;
    }
  }
  if (in.bad()) {
    ItemLoad load;
    load.error = name + ": cannot be read";
    return load;
  }
  return TableReader(text, name).read();
}

ItemLoad load_items(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) {
    ItemLoad load;
    load.error = path + ": cannot be opened";
    return load;
  }
  return read_items(in, path);
}

}  // namespace market
