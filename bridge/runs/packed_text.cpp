#include "runs/packed_text.h"

#include <zlib.h>

#include <algorithm>
#include <charconv>

#include "base/text.h"
#include "event/json_scanner.h"

namespace bridge {
namespace {

// On events of ppo-trainer: 38.9 bytes an event at 3.2 us; 47.7 at 1.5 us (level 3), 35.4 at 12.8 us (level 9).
constexpr int kLevel = 6;
// Deflate makes no text smaller than this part of it.
constexpr std::uint64_t kRatioMax = 1040;

// SQLite ends a text at a NUL where it decodes \u0000.
bool is_exact(std::string_view text) { return is_utf8(text) && text.find('\0') == std::string_view::npos; }

void append_text(std::string& out, std::string_view text) {
  if (text.data() == nullptr) {
    out += "null";
  } else {
    append_json_string(out, text);
  }
}

template <class Number>
void append_integer(std::string& out, Number n) {
  char buffer[24];
  out.append(buffer, std::to_chars(buffer, buffer + sizeof buffer, n).ptr);
}

}  // namespace

bool PackedTextWriter::add(const PackedEvent& event) {
  const std::size_t before = text_.size();
  std::size_t bytes = 0;
  for (const std::string_view text : {event.type, event.source, event.run, event.agent_id, event.item, event.body}) {
    if (!is_exact(text)) return false;
    bytes += text.size();
  }
  if (bytes > kTextBytesMax || event.type.data() == nullptr || event.body.data() == nullptr) return false;
  text_ += events_ == 0 ? "[[" : ",\n[";
  append_integer(text_, event.timestamp_us);
  for (const std::string_view text : {event.type, event.source, event.run}) append_text(text_ += ',', text);
  text_ += ',';
  if (event.source_seq) {
    append_integer(text_, *event.source_seq);
  } else {
    text_ += "null";
  }
  for (const std::string_view text : {event.agent_id, event.item}) append_text(text_ += ',', text);
  append_integer(text_ += ',', event.data_bytes);
  append_text(text_ += ',', event.body);
  text_ += ']';
  if (text_.size() >= kTextBytesMax) {
    text_.resize(before);
    return false;
  }
  ++events_;
  return true;
}

void PackedTextWriter::clear() {
  text_.clear();
  events_ = 0;
}

std::string PackedTextWriter::pack(std::size_t* text_bytes) {
  text_ += ']';
  *text_bytes = text_.size();
  std::string packed(compressBound(static_cast<uLong>(text_.size())), '\0');
  uLongf size = static_cast<uLongf>(packed.size());
  const int result = compress2(reinterpret_cast<Bytef*>(packed.data()), &size, reinterpret_cast<const Bytef*>(text_.data()),
                               static_cast<uLong>(text_.size()), kLevel);
  if (result != Z_OK) {
    packed.clear();
  } else if (size >= text_.size()) {
    packed = text_;
  } else {
    packed.resize(size);
  }
  clear();
  return packed;
}

bool PackedTextReader::read(std::string_view packed, std::uint64_t text_bytes, std::uint64_t first_seq,
                            std::uint64_t events) {
  events_.clear();
  if (text_bytes > PackedTextWriter::kTextBytesMax || text_bytes / kRatioMax > packed.size()) return false;
  if (packed.size() == text_bytes) return parse(packed, first_seq, events);
  text_.resize(text_bytes);
  uLongf size = static_cast<uLongf>(text_.size());
  const int result = uncompress(reinterpret_cast<Bytef*>(text_.data()), &size, reinterpret_cast<const Bytef*>(packed.data()),
                                static_cast<uLong>(packed.size()));
  return result == Z_OK && size == text_.size() && parse(text_, first_seq, events);
}

bool PackedTextReader::parse(std::string_view text, std::uint64_t first_seq, std::uint64_t events) {
  // So that nothing that points into it moves.
  decoded_.clear();
  decoded_.reserve(text.size());
  JsonScanner scan(text);
  const auto take_text = [&](std::string_view* out, bool may_be_null) {
    *out = {};
    if (scan.peek() != '"') return may_be_null && scan.peek() == 'n' && scan.value(3);
    JsonString string;
    if (!scan.string(&string)) return false;
    *out = string.raw;
    if (!string.escaped) return true;
    const std::size_t begin = decoded_.size();
    append_decoded(decoded_, string.raw);
    *out = std::string_view(decoded_).substr(begin);
    return true;
  };
  const auto take_number = [&](auto* out) {
    scan.peek();
    const char* const begin = scan.position();
    if (!scan.value(3)) return false;
    const auto read = std::from_chars(begin, scan.position(), *out);
    return read.ec == std::errc() && read.ptr == scan.position();
  };
  const auto take_event = [&](PackedEvent* event) {
    if (!scan.take('[') || !take_number(&event->timestamp_us) || !scan.take(',') || !take_text(&event->type, false) ||
        !scan.take(',') || !take_text(&event->source, true) || !scan.take(',') || !take_text(&event->run, true) ||
        !scan.take(',')) {
      return false;
    }
    if (scan.peek() == 'n') {
      if (!scan.value(3)) return false;
    } else if (!take_number(&event->source_seq.emplace())) {
      return false;
    }
    return scan.take(',') && take_text(&event->agent_id, true) && scan.take(',') && take_text(&event->item, true) &&
           scan.take(',') && take_number(&event->data_bytes) && scan.take(',') && take_text(&event->body, false) &&
           scan.take(']');
  };
  if (events == 0 || events > text.size() || !scan.take('[')) return false;
  events_.reserve(std::min<std::uint64_t>(events, 1024));
  for (std::uint64_t i = 0; i < events; ++i) {
    if (i != 0 && !scan.take(',')) return events_.clear(), false;
    PackedEvent& event = events_.emplace_back();
    event.seq = first_seq + i;
    if (!take_event(&event)) return events_.clear(), false;
  }
  if (scan.take(']') && scan.at_end()) return true;
  events_.clear();
  return false;
}

}  // namespace bridge
