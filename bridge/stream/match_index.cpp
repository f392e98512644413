#include "stream/match_index.h"

#include <algorithm>
#include <optional>

namespace bridge {
namespace {

constexpr std::size_t kRowsMax = 64;
constexpr std::size_t kFoundMax = 1024;      // values of a field that are remembered
constexpr std::uint64_t kRowWork = 4;        // an event
constexpr std::size_t kWordsPerRowWork = 16;
constexpr std::size_t kPatternsPerWork = 8;  // that a type is held against
constexpr std::uint64_t kRowsWorkMax = 16'384;  // of a block at a time

constexpr std::string_view kFieldNames[] = {"", "source", "agent_id", "item"};  // as filters name them

std::size_t field_of(std::string_view key) {
  const auto found = std::find(std::begin(kFieldNames) + 1, std::end(kFieldNames), key);
  return static_cast<std::size_t>(found - std::begin(kFieldNames));
}

constexpr std::uint64_t bit_of(std::size_t number) { return std::uint64_t{1} << number % 64; }

void set_bit(std::vector<std::uint64_t>& bits, std::size_t number) { bits[number / 64] |= bit_of(number); }
void clear_bit(std::vector<std::uint64_t>& bits, std::size_t number) { bits[number / 64] &= ~bit_of(number); }
bool has_bit(const std::vector<std::uint64_t>& bits, std::size_t number) { return (bits[number / 64] & bit_of(number)) != 0; }

}  // namespace

// What was found for values holds no more.
void MatchIndex::change() {
  ++version_;
  words_ = (slots_.size() + 63) / 64;
  for (Field& field : fields_) {
    field.indifferent.resize(words_);
    field.without.resize(words_);
    field.found.clear();
    field.last = {};
  }
}

std::size_t MatchIndex::add(const Subscription& subscription) {
  if (free_.empty()) {
    free_.push_back(slots_.size());
    slots_.emplace_back();
  }
  const std::size_t number = free_.back();
  free_.pop_back();
  ++subscriptions_;
  change();
  Slot& slot = slots_[number];
  slot = {&subscription, version_, subscription.scope() == nullptr, false};
  std::array<const FilterKey*, kFields> keys{};
  for (const FilterKey& key : subscription.filter()) {
    const std::size_t field = field_of(key.key);
    // Of a key that stands twice, both must pass: one is looked up here.
    if (field == kFields || keys[field] != nullptr) {
      slot.exact = false;
    } else {
      keys[field] = &key;
    }
  }
  slot.by_agent_or_item = keys[kAgent] != nullptr || keys[kItem] != nullptr;
  for (std::size_t i = kSource; i < kFields; ++i) {
    Field& field = fields_[i];
    if (keys[i] == nullptr) {
      set_bit(field.indifferent, number);
      set_bit(field.without, number);
      continue;
    }
    ++field.filters;
    for (const FilterValue& value : keys[i]->values) {
      if (value.kind == FilterValue::Kind::null) set_bit(field.without, number);
      if (value.kind != FilterValue::Kind::text) continue;
      auto& list = field.named[value.text];
      if (list.empty() || list.back() != number) list.push_back(number);
    }
  }
  return number;
}

void MatchIndex::remove(std::size_t number) {
  Slot& slot = slots_[number];
  for (const FilterKey& key : slot.subscription->filter()) {
    const std::size_t i = field_of(key.key);
    if (i == kFields) continue;
    for (const FilterValue& value : key.values) {
      const auto place = fields_[i].named.find(value.text);
      if (value.kind != FilterValue::Kind::text || place == fields_[i].named.end()) continue;
      auto& list = place->second;
      list.erase(std::remove(list.begin(), list.end(), number), list.end());
      if (list.empty()) fields_[i].named.erase(place);
    }
  }
  for (std::size_t i = kSource; i < kFields; ++i) {
    Field& field = fields_[i];
    if (!has_bit(field.indifferent, number)) --field.filters;
    clear_bit(field.indifferent, number);
    clear_bit(field.without, number);
  }
  slot = {};
  free_.push_back(number);
  --subscriptions_;
  change();
}

// Whose type, or filter on this field, a value passes.
const MatchIndex::Bits& MatchIndex::bits_of(std::size_t i, std::string_view value) {
  Field& field = fields_[i];
  if (field.last.second != nullptr && field.last.first == value) return *field.last.second;
  auto place = field.found.find(value);
  if (place == field.found.end()) {
    if (field.found.size() >= kFoundMax) field.found.clear();
    Found found{std::make_unique<const std::string>(value), Bits(words_)};
    if (i == kType) {
      std::size_t patterns = 0;
      for (std::size_t number = 0; number < slots_.size(); ++number) {
        const Subscription* const subscription = slots_[number].subscription;
        if (subscription == nullptr) continue;
        patterns += 1 + subscription->patterns().size();
        if (subscription->wants_type(value)) set_bit(found.bits, number);
      }
      work_ += patterns / kPatternsPerWork;
    } else {
      found.bits = field.indifferent;
      const auto named = field.named.find(value);
      if (named != field.named.end()) {
        for (const std::size_t number : named->second) set_bit(found.bits, number);
      }
    }
    const std::string_view key = *found.text;
    place = field.found.emplace(key, std::move(found)).first;
  }
  field.last = {place->first, &place->second.bits};
  return place->second.bits;
}

// Agent or item of this event is there and no string: who names it must look into the event.
void MatchIndex::look_into(const Block& block, std::size_t index, std::uint64_t* row) {
  for (std::size_t number = 0; number < slots_.size(); ++number) {
    const Slot& slot = slots_[number];
    if (!slot.by_agent_or_item || (row[number / 64] & bit_of(number)) == 0) continue;
    if (!slot.subscription->matches(block, index)) row[number / 64] &= ~bit_of(number);
  }
}

// Null where there are so many new types that it takes too long: each asks for itself then, and what was found so far is
// there for the next one.
const MatchIndex::Rows* MatchIndex::make_rows(const BlockPtr& block) {
  const std::uint64_t enough = work_ + kRowsWorkMax;
  Rows rows;
  while (!rows_.empty() && (rows_.size() >= kRowsMax || rows_bytes_ > kRowsBytesMax ||
                            rows_.front().block.expired())) {
    rows_bytes_ -= rows_.front().bytes();
    rows = std::move(rows_.front());  // its memory is used again
    rows_.pop_front();
  }
  rows.block = block;
  rows.version = version_;
  rows.words = words_;
  rows.bits.resize(block->size() * words_);
  rows.any.assign(words_, 0);
  for (std::size_t index = 0; index < block->size(); ++index) {
    const EventEntry& entry = block->entry(index);
    std::uint64_t* const row = rows.bits.data() + index * words_;
    const Bits& by_type = bits_of(kType, block->text(entry.type));
    std::copy(by_type.begin(), by_type.end(), row);
    if (work_ > enough) return nullptr;
    const auto narrow = [&](std::size_t field, const EventEntry::Piece& piece, bool there) {
      if (fields_[field].filters == 0) return;
      const Bits& bits = there ? bits_of(field, block->text(piece)) : fields_[field].without;
      for (std::size_t w = 0; w < words_; ++w) row[w] &= bits[w];
    };
    narrow(kSource, entry.source, entry.source.size != 0);
    bool unsure = false;
    const auto narrow_by = [&](std::size_t field, const EventEntry::Piece& piece, IndexedField::Kind kind) {
      const bool other = kind == IndexedField::Kind::other;
      if (!other) narrow(field, piece, kind == IndexedField::Kind::text);
      unsure |= other && fields_[field].filters != 0;
    };
    narrow_by(kAgent, entry.agent_id, entry.agent_kind);
    narrow_by(kItem, entry.item, entry.item_kind);
    if (unsure) look_into(*block, index, row);
    for (std::size_t w = 0; w < words_; ++w) rows.any[w] |= row[w];
  }
  work_ += block->size() * (kRowWork + words_ / kWordsPerRowWork);
  rows_bytes_ += rows.bytes();
  return &rows_.emplace_back(std::move(rows));
}

MatchIndex::Column MatchIndex::column(const BlockPtr& block, std::size_t number) {
  Column column;
  if (subscriptions_ < kSubscriptionsMin) return column;
  const auto same = [&block](const Rows& rows) {
    return !rows.block.owner_before(block) && !block.owner_before(rows.block);
  };
  const auto kept = std::find_if(rows_.rbegin(), rows_.rend(), same);
  const Rows* const made = kept == rows_.rend() ? make_rows(block) : &*kept;
  if (made == nullptr) return column;
  const Rows& rows = *made;
  const Slot& slot = slots_[number];
  if (slot.since > rows.version) return column;  // it came later
  column.word_ = rows.bits.data() + number / 64;
  column.stride_ = rows.words;
  column.bit_ = bit_of(number);
  column.any_ = (rows.any[number / 64] & column.bit_) != 0;
  column.exact_ = slot.exact;
  return column;
}

}  // namespace bridge
