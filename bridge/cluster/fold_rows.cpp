#include "cluster/fold_rows.h"

#include <algorithm>
#include <utility>

#include "base/text.h"
#include "cluster/proposal.h"

namespace bridge {
namespace {

constexpr std::array<std::string_view, 3> kTables = {"alert.", "run.", "switch."};
constexpr std::size_t kRowOverhead = 64;

std::size_t table_of(std::string_view key) { return key.front() == 'a' ? 0 : key.front() == 'r' ? 1 : 2; }

std::size_t bytes_of(std::string_view key, std::string_view value) { return key.size() + value.size() + kRowOverhead; }

void put_row(std::string& out, std::string_view what, const std::string& key, const FoldRow& row) {
  append_number(out.append(what).append(key) += ' ', row.version);
  for (const std::uint64_t n : {row.first, row.seq, row.number}) append_number(out += ' ', n);
  append_number(out.append(" ").append(row.node) += ' ', row.value.size());
  out.append(" ").append(row.value) += '\n';
}

bool take_row(ExactText& text, std::string* key, FoldRow* row) {
  std::string_view name, node;
  std::uint64_t size = 0;
  if (!text.take_until(' ', &name) || !text.take_number(UINT64_MAX, &row->version) || !text.take(" ") ||
      !text.take_number(UINT64_MAX, &row->first) || !text.take(" ") || !text.take_number(UINT64_MAX, &row->seq) || !text.take(" ") ||
      !text.take_number(UINT64_MAX, &row->number) || !text.take(" ") || !text.take_until(' ', &node) || !is_node_name(node) ||
      !text.take_number(kRowBytesMax, &size) || !text.take(" ")) {
    return false;
  }
  *key = name;
  row->node = node;
  row->value = text.take_bytes(static_cast<std::size_t>(size));
  return row->value.size() == size && text.take("\n");
}

}  // namespace

bool is_row_key(std::string_view key) {
  return key.size() <= kRowKeyBytesMax &&
         std::any_of(kTables.begin(), kTables.end(),
                     [key](std::string_view table) { return key.size() > table.size() && key.substr(0, table.size()) == table; }) &&
         std::all_of(key.begin(), key.end(), [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.'; });
}

std::string FoldRows::taken_key(std::string_view key, std::uint64_t version) {
  std::string taken(key);
  append_number(taken += '@', version);
  return taken;
}

void FoldRows::count(std::string_view key, const FoldRow& row, bool there) {
  Used& used = used_[table_of(key)];
  const std::size_t bytes = bytes_of(key, row.value);
  used = there ? Used{used.rows + 1, used.bytes + bytes} : Used{used.rows - 1, used.bytes - bytes};
}

std::optional<std::uint64_t> FoldRows::keep(std::string_view key, std::uint64_t number, std::string_view node,
                                            std::string_view value, std::uint64_t seq) {
  const auto known = rows_.find(key);
  const Used& used = used_[table_of(key)];
  const std::size_t before = known == rows_.end() ? 0 : bytes_of(key, known->second.value);
  if (value.size() > kRowBytesMax || used.bytes - before + bytes_of(key, value) > kTableBytesMax ||
      (known == rows_.end() && used.rows == kTableRowsMax)) {
    return std::nullopt;
  }
  if (known != rows_.end()) count(key, known->second, false);
  FoldRow& row = known == rows_.end() ? rows_[std::string(key)] : known->second;
  if (known == rows_.end()) {
    row.first = last_version_ + 1;
    row.seq = seq;
  }
  row.version = ++last_version_;
  row.number = number;
  row.node = node;
  row.value = value;
  count(key, row, true);
  return row.version;
}

bool FoldRows::drop(std::string_view key, std::uint64_t version) {
  const auto put = rows_.find(key);
  const bool waits = put != rows_.end() && (version == 0 || put->second.version == version);
  const auto found = waits ? put : taken_.find(taken_key(key, version));
  if (!waits && found == taken_.end()) return false;
  count(key, found->second, false);
  (waits ? rows_ : taken_).erase(found);
  return true;
}

bool FoldRows::take(std::string_view key, std::uint64_t version, std::string_view node) {
  const auto put = rows_.find(key);
  if (put == rows_.end() || put->second.version != version) return false;
  put->second.node = node;
  taken_.emplace(taken_key(key, version), std::move(put->second));
  rows_.erase(put);
  return true;
}

bool FoldRows::claim(std::string_view key, std::uint64_t version, std::string_view node) {
  const auto taken = taken_.find(taken_key(key, version));
  if (taken == taken_.end() || taken->second.node == node) return false;
  taken->second.node = node;
  return true;
}

void FoldRows::save(std::string& out) const {
  if (last_version_ == 0) return;
  append_number(out += "rows ", last_version_);
  out += '\n';
  for (const auto& [key, row] : rows_) put_row(out, "row ", key, row);
  for (const auto& [key, row] : taken_) put_row(out, "taken ", key, row);
}

bool FoldRows::restore(ExactText& text) {
  *this = FoldRows();
  if (!text.take("rows ")) return true;
  if (!text.take_number(UINT64_MAX, &last_version_) || !text.take("\n")) return false;
  std::string key;
  FoldRow row;
  while (text.take("row ")) {
    if (!take_row(text, &key, &row) || !is_row_key(key)) return false;
    count(key, row, true);
    rows_[key] = row;
  }
  while (text.take("taken ")) {
    if (!take_row(text, &key, &row) || !is_row_key(key.substr(0, key.find('@')))) return false;
    count(key.substr(0, key.find('@')), row, true);
    taken_[key] = row;
  }
  return std::all_of(used_.begin(), used_.end(),
                     [](const Used& used) { return used.rows <= kTableRowsMax && used.bytes <= kTableBytesMax; });
}

}  // namespace bridge
