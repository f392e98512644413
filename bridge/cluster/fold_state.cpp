// A fold as text: what a journal or a checkpoint keeps of it.
//
//   PPOFOLD1 stream_seq hash last_seq last_stamp_us
//   node NAME started no used          as many lines as there are, in the order of the names
//   source NAME used                   followed by its runs
//   run NAME last used
//   epoch NAME first_seq               oldest first
//   rows ...                           fold_rows.h
//   type NAME events last_us           in the order of the names; those of earlier programs have none
//   others events last_us              where some had no room

#include "base/exact_text.h"
#include "base/text.h"
#include "cluster/fold.h"

namespace bridge {
namespace {

constexpr std::string_view kFoldMagic = "PPOFOLD1";

void put_number(std::string& out, std::uint64_t n) { append_number(out += ' ', n); }

bool take_numbers(ExactText& text, std::initializer_list<std::uint64_t*> numbers) {
  for (std::uint64_t* n : numbers) {
    if (!text.take(" ") || !text.take_number(UINT64_MAX, n)) return false;
  }
  return text.take("\n");
}

// A name and the space behind it, of which take_numbers() wants to see one.
bool take_word(ExactText& text, std::string* name) {
  const std::size_t size = text.left().find(' ');
  if (size == std::string_view::npos) return false;
  *name = std::string(text.take_bytes(size));
  return is_name(*name);
}

}  // namespace

std::string Fold::save() const {
  std::string out = save_state();
  const auto put_count = [&out](const FoldTypeCount& count) {
    put_number(out, count.events);
    put_number(out, static_cast<std::uint64_t>(count.last_us));
    out += '\n';
  };
  for (const auto& [name, count] : types_) {
    out.append("type ").append(name);
    put_count(count);
  }
  if (other_types_.events != 0) {
    out += "others";
    put_count(other_types_);
  }
  return out;
}

std::uint64_t Fold::state_digest() const { return digest_of(save_state()); }

std::string Fold::save_state() const {
  std::string out(kFoldMagic);
  for (const std::uint64_t n : {stream_seq_, hash_, last_seq_, static_cast<std::uint64_t>(last_stamp_us_)}) {
    put_number(out, n);
  }
  out += '\n';
  for (const auto& [name, chain] : nodes_) {
    out.append("node ").append(name);
    for (const std::uint64_t n : {chain.started, chain.no, chain.used}) put_number(out, n);
    out += '\n';
  }
  for (const auto& [name, source] : sources_) {
    put_number(out.append("source ").append(name), source.used);
    out += '\n';
    for (const auto& [run_name, run] : source.runs) {
      put_number(out.append("run ").append(run_name), run.last);
      put_number(out, run.used);
      out += '\n';
    }
  }
  for (const FoldEpoch& epoch : epochs_) {
    put_number(out.append("epoch ").append(epoch.name), epoch.first_seq);
    out += '\n';
  }
  rows_.save(out);
  return out;
}

bool Fold::restore(std::string_view saved) {
  ExactText text(saved);
  Fold read(payload_bytes_max_, limits_);
  std::uint64_t stamp = 0;
  if (!text.take(kFoldMagic) || !take_numbers(text, {&read.stream_seq_, &read.hash_, &read.last_seq_, &stamp}) ||
      stamp > INT64_MAX) {
    return false;
  }
  read.last_stamp_us_ = static_cast<std::int64_t>(stamp);
  std::string name;
  while (text.take("node ")) {
    Chain chain;
    if (!take_word(text, &name) || !take_numbers(text, {&chain.started, &chain.no, &chain.used})) return false;
    read.nodes_[name] = chain;
  }
  while (text.take("source ")) {
    Source source;
    std::string source_name;
    if (!take_word(text, &source_name) || !take_numbers(text, {&source.used})) return false;
    while (text.take("run ")) {
      Run run;
      if (!take_word(text, &name) || !take_numbers(text, {&run.last, &run.used})) return false;
      source.runs[name] = run;
    }
    if (source.runs.empty() || source.runs.size() > limits_.runs_per_source) return false;
    read.sources_[source_name] = std::move(source);
  }
  while (text.take("epoch ")) {
    FoldEpoch epoch;
    if (!take_word(text, &epoch.name) || !take_numbers(text, {&epoch.first_seq})) return false;
    read.epochs_.push_back(std::move(epoch));
  }
  if (!read.rows_.restore(text)) return false;
  const auto take_count = [&text](FoldTypeCount* count) {
    std::uint64_t last_us = 0;
    if (!take_numbers(text, {&count->events, &last_us}) || last_us > INT64_MAX || count->events == 0) return false;
    count->last_us = static_cast<std::int64_t>(last_us);
    return true;
  };
  while (text.take("type ")) {
    const std::size_t size = text.left().find(' ');
    const std::string_view type = text.take_bytes(size == std::string_view::npos ? 0 : size);
    if (!is_type_name(type) || !take_count(&read.types_[std::string(type)])) return false;
  }
  if (text.take("others") && !take_count(&read.other_types_)) return false;
  // One that was written as it is read: in order, and nothing twice.
  if (!text.at_end() || read.types_.size() > limits_.types || read.nodes_.size() > limits_.nodes || read.sources_.size() > limits_.sources ||
      read.epochs_.size() > limits_.epochs || read.save() != saved) {
    return false;
  }
  *this = std::move(read);
  return true;
}

}  // namespace bridge
