#include "cluster/proposal.h"

#include <algorithm>
#include <cassert>

#include "base/exact_text.h"
#include "base/hex.h"
#include "base/text.h"
#include "cluster/fold_rows.h"

namespace bridge {
namespace {

constexpr std::string_view kMagic = "PPO1 ";
constexpr std::string_view kRowsMagic = "PPO2 ";
constexpr std::size_t kIndexBytes = 8;  // an event's
constexpr std::uint64_t kSeqMax = (std::uint64_t{1} << 53) - 1;       // what JavaScript counts to
constexpr std::uint64_t kStampUsMax = 253'402'300'799'999'999;        // the end of the year 9999

constexpr std::pair<Segment::Kind, std::string_view> kRowRules[] = {
    {Segment::Kind::keep, "keep"}, {Segment::Kind::drop, "drop"}, {Segment::Kind::take, "take"}, {Segment::Kind::claim, "claim"}, {Segment::Kind::word, "word"}};

std::uint32_t read_u32(std::string_view bytes) {
  std::uint32_t n = 0;
  for (std::size_t i = 4; i > 0; --i) n = n << 8 | static_cast<unsigned char>(bytes[i - 1]);
  return n;
}

void put_u32(std::string& out, std::size_t n) {
  for (int shift = 0; shift < 32; shift += 8) out += static_cast<char>(n >> shift & 0xFF);
}

bool take_name(ExactText& text, std::string_view* name) {
  return text.take("\"") && text.take_until('"', name) && is_name(*name);
}

bool take_run(ExactText& text, Segment* segment) {
  return take_name(text, &segment->source) && text.take(",") && take_name(text, &segment->run);
}

// One of those that hold rules, behind its '["!'.
bool take_rule(ExactText& text, Segment* segment) {
  std::uint64_t to = 0;
  if (text.take("lost\",")) {
    segment->kind = Segment::Kind::lost;
    if (!take_run(text, segment) || !text.take(",") || !text.take_number(INT64_MAX, &segment->first) ||
        !text.take(",") || !text.take_number(INT64_MAX, &to) || segment->first < 1 || segment->first > to) {
      return false;
    }
    segment->count = to - segment->first + 1;
    return true;
  }
  if (text.take("begin\",")) {
    segment->kind = Segment::Kind::begin;
    return take_run(text, segment) && text.take(",") && text.take_number(INT64_MAX, &segment->first) &&
           segment->first >= 1;
  }
  if (text.take("epoch\",")) {
    segment->kind = Segment::Kind::epoch;
    return take_name(text, &segment->source) && text.take(",") &&
           text.take_number(kSeqMax, &segment->first) && segment->first >= 1;
  }
  for (const auto& [kind, name] : kRowRules) {
    if (!text.take(name)) continue;
    segment->kind = kind;
    return text.take("\",\"") && text.take_until('"', &segment->source) && is_row_key(segment->source) && text.take(",") &&
           text.take_number(INT64_MAX, &segment->first);
  }
  segment->kind = Segment::Kind::format;
  return text.take("format\",") && text.take_number(INT64_MAX, &segment->first);
}

bool take_segment(ExactText& text, Segment* segment) {
  if (text.take("[\"!")) return take_rule(text, segment) && text.take("]");
  if (text.take("[\"\",\"\",0,")) {
    segment->kind = Segment::Kind::uncounted;
  } else {
    segment->kind = Segment::Kind::counted;
    if (!text.take("[") || !take_run(text, segment) || !text.take(",") ||
        !text.take_number(INT64_MAX, &segment->first) || segment->first == 0 || !text.take(",")) {
      return false;
    }
  }
  return text.take_number(kProposalEventsMax, &segment->count) && segment->count >= 1 && text.take("]") &&
         segment->count - 1 <= INT64_MAX - segment->first;
}

// The writer would have made one of the two.
bool goes_on_from(const Segment& next, const Segment& before) {
  if (next.kind != before.kind) return false;
  if (next.kind == Segment::Kind::uncounted) return true;
  return next.kind == Segment::Kind::counted && next.first == before.last() + 1 &&
         same_name(next.run, before.run) && same_name(next.source, before.source);
}

// Whether the lines are what the segment says of them.
bool holds(const Segment& segment, const std::vector<EventLine>& lines) {
  for (std::size_t i = 0; i < segment.lines(); ++i) {
    const EventLine& line = lines[segment.line + i];
    const bool own = line.source == kOwnSource;
    switch (segment.kind) {
      case Segment::Kind::counted:
        if (own || line.source_seq != segment.first + i || !same_name(line.run, segment.run) ||
            !same_name(line.source, segment.source)) {
          return false;
        }
        break;
      case Segment::Kind::lost:
      case Segment::Kind::keep:
      case Segment::Kind::take:
      case Segment::Kind::word:
        if (!own || line.tracked()) return false;
        break;
      default:
        if (line.tracked()) return false;
    }
  }
  return true;
}

}  // namespace

bool is_node_name(std::string_view s) {
  return is_name(s) && s.size() <= kNodeNameBytesMax && s.find_first_of(".:") == std::string_view::npos;
}

ProposalProblem ProposalReader::read(std::string_view payload, std::size_t payload_bytes_max) {
  const std::string_view magic = payload.substr(0, kMagic.size());
  if (payload.substr(0, 3) == "PPO" && magic != kMagic && magic != kRowsMagic) {
    return ProposalProblem::unknown_format;
  }
  if (payload.size() > payload_bytes_max || !read_all(payload)) return ProposalProblem::malformed;
  for (const Segment& segment : proposal_.segments) {
    if (segment.kind == Segment::Kind::format && segment.first > kFoldFormat) {
      return ProposalProblem::unknown_format;
    }
  }
  return ProposalProblem::none;
}

bool ProposalReader::read_all(std::string_view payload) {
  ProposalHeader& header = proposal_.header;
  std::vector<Segment>& segments = proposal_.segments;
  std::vector<EventLine>& lines = proposal_.lines;
  segments.clear();
  lines.clear();
  std::uint64_t stamp = 0;
  ExactText text(payload);
  const bool rows = text.take(kRowsMagic);
  if ((!rows && !text.take(kMagic)) || !text.take("{\"node\":\"") || !text.take_until('"', &header.node) ||
      !is_node_name(header.node) || !text.take(",\"started\":") || !text.take_number(INT64_MAX, &header.started) ||
      !text.take(",\"no\":") || !text.take_number(INT64_MAX, &header.no) || !text.take(",\"at\":") ||
      !text.take_number(INT64_MAX, &header.at) || !text.take(",\"hash\":\"") || !text.take_hex(&header.hash) ||
      !text.take("\",\"stamp\":") || !text.take_number(kStampUsMax, &stamp) || !text.take(",\"segments\":[")) {
    return false;
  }
  header.stamp_us = static_cast<std::int64_t>(stamp);
  if (header.started == 0 || header.no == 0) return false;
  std::size_t line_count = 0;
  do {
    Segment segment;
    if (segments.size() == kProposalSegmentsMax || !take_segment(text, &segment)) return false;
    if (!segments.empty() && goes_on_from(segment, segments.back())) return false;
    segment.line = line_count;
    line_count += segment.lines();
    if (line_count > kProposalEventsMax) return false;
    segments.push_back(segment);
  } while (text.take(","));
  if (!text.take("]}\n") || std::any_of(segments.begin(), segments.end(), [](const auto& one) { return one.is_row(); }) != rows) {
    return false;
  }

  const std::string_view index = text.take_bytes(line_count * kIndexBytes);
  if (index.size() != line_count * kIndexBytes) return false;
  lines.resize(line_count);
  for (std::size_t i = 0; i < line_count; ++i) {
    const std::size_t size = read_u32(index.substr(i * kIndexBytes));
    const std::string_view line = text.take_bytes(size);
    if (line.size() != size || size > INT32_MAX ||
        !read_event_line(line, read_u32(index.substr(i * kIndexBytes + 4)), &lines[i])) {
      return false;
    }
  }
  return text.at_end() && std::all_of(segments.begin(), segments.end(),
                                      [&](const Segment& segment) { return holds(segment, lines); });
}

void ProposalWriter::close_run() {
  if (!open_) return;
  open_ = false;
  append_number(header_.append(R"([")").append(source_).append(R"(",")").append(run_).append(R"(",)"), first_);
  append_number(header_ += ',', count_);
  header_ += ']';
}

void ProposalWriter::begin_segment() {
  close_run();
  if (segments_++ != 0) header_ += ',';
}

void ProposalWriter::put_line(const Envelope& event) {
  const std::size_t before = lines_.size();
  append_event_line(lines_, event);
  put_u32(index_, lines_.size() - before);
  put_u32(index_, event.data.size());
}

void ProposalWriter::add(const Envelope& event) {
  const bool counted = event.tracked();
  const bool goes_on = open_ && (counted ? !source_.empty() && same_name(event.run, run_) &&
                                               same_name(event.source, source_) &&
                                               event.source_seq == first_ + count_
                                         : source_.empty());
  if (!goes_on) {
    begin_segment();
    open_ = true;
    source_.assign(counted ? event.source : std::string_view());
    run_.assign(counted ? event.run : std::string_view());
    first_ = counted ? event.source_seq : 0;
    count_ = 0;
  }
  ++count_;
  put_line(event);
}

void ProposalWriter::add_lost(std::string_view source, std::string_view run, std::uint64_t from,
                              std::uint64_t to, const Envelope& event) {
  assert(from >= 1 && from <= to);
  begin_segment();
  append_number(header_.append(R"(["!lost",")").append(source).append(R"(",")").append(run).append(R"(",)"), from);
  append_number(header_ += ',', to);
  header_ += ']';
  put_line(event);
}

void ProposalWriter::add_begin(std::string_view source, std::string_view run, std::uint64_t first) {
  begin_segment();
  append_number(header_.append(R"(["!begin",")").append(source).append(R"(",")").append(run).append(R"(",)"), first);
  header_ += ']';
}

void ProposalWriter::add_epoch(std::string_view name, std::uint64_t first_seq) {
  begin_segment();
  append_number(header_.append(R"(["!epoch",")").append(name).append(R"(",)"), first_seq);
  header_ += ']';
}

void ProposalWriter::add_row(Segment::Kind kind, std::string_view key, std::uint64_t number, const Envelope* line) {
  begin_segment();
  rows_ = true;
  for (const auto& [known, name] : kRowRules) {
    if (known == kind) header_.append("[\"!").append(name);
  }
  append_number(header_.append("\",\"").append(key).append("\","), number);
  header_ += ']';
  if (line != nullptr) put_line(*line);
}

std::string ProposalWriter::take(const ProposalHeader& header) {
  assert(!empty());
  close_run();
  std::string out;
  out.reserve(bytes() + 256);
  append_number(out.append(rows_ ? kRowsMagic : kMagic).append("{\"node\":\"").append(header.node).append("\",\"started\":"), header.started);
  append_number(out.append(",\"no\":"), header.no);
  append_number(out.append(",\"at\":"), header.at);
  append_hex64(header.hash, &out.append(",\"hash\":\""));
  append_number(out.append("\",\"stamp\":"), static_cast<std::uint64_t>(header.stamp_us));
  out.append(",\"segments\":[").append(header_).append("]}\n").append(index_).append(lines_);
  header_.clear();
  index_.clear();
  lines_.clear();
  segments_ = 0;
  rows_ = false;
  return out;
}

}  // namespace bridge
