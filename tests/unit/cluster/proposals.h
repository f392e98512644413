// Proposals in few words.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>

#include "cluster/fold.h"
#include "cluster/proposal.h"

namespace cluster_test {

inline constexpr std::size_t kPayloadMax = 1 << 20;
inline constexpr std::int64_t kMs = 1000;  // of microseconds

inline bridge::Envelope event_of(std::string_view source, std::string_view run, std::uint64_t source_seq,
                                 std::string_view data = R"({"x":1})") {
  bridge::Envelope event;
  event.type = "t";
  event.data = data;
  event.source = source;
  event.run = run;
  event.source_seq = source_seq;
  return event;
}

inline bridge::Envelope own_event() { return event_of(bridge::kOwnSource, "", 0); }

// One proposal, put together call by call: P("n1", 1).events("a", "r", 1, 3).bytes()
class P {
 public:
  P(std::string node, std::uint64_t no, std::uint64_t started = 10) : node_(std::move(node)) {
    header_.no = no;
    header_.started = started;
  }
  P& events(std::string source, std::string run, std::uint64_t from, std::uint64_t to) {
    for (std::uint64_t i = from; i <= to; ++i) writer_.add(event_of(source, run, i));
    return *this;
  }
  P& uncounted(int count = 1) {
    for (int i = 0; i < count; ++i) writer_.add(own_event());
    return *this;
  }
  P& lost(std::string source, std::string run, std::uint64_t from, std::uint64_t to) {
    writer_.add_lost(source, run, from, to, own_event());
    return *this;
  }
  P& begin(std::string source, std::string run, std::uint64_t first) {
    writer_.add_begin(source, run, first);
    return *this;
  }
  P& epoch(std::string name, std::uint64_t first_seq) {
    writer_.add_epoch(name, first_seq);
    return *this;
  }
  P& keep(const std::string& key, std::uint64_t number, const std::string& value) {
    const bridge::Envelope line = event_of(bridge::kOwnSource, "", 0, value);
    writer_.add_row(bridge::Segment::Kind::keep, key, number, &line);
    return *this;
  }
  P& drop(const std::string& key, std::uint64_t version) {
    writer_.add_row(bridge::Segment::Kind::drop, key, version, nullptr);
    return *this;
  }
  P& word(const std::string& key, const std::string& json) {
    const bridge::Envelope line = event_of(bridge::kOwnSource, "", 0, json);
    writer_.add_row(bridge::Segment::Kind::word, key, 0, &line);
    return *this;
  }
  P& claim(const std::string& key, std::uint64_t version) {
    writer_.add_row(bridge::Segment::Kind::claim, key, version, nullptr);
    return *this;
  }
  P& take(const std::string& key, std::uint64_t version) {
    const bridge::Envelope line = own_event();
    writer_.add_row(bridge::Segment::Kind::take, key, version, &line);
    return *this;
  }
  P& stamp(std::int64_t us) {
    header_.stamp_us = us;
    return *this;
  }
  P& at(std::uint64_t seq, std::uint64_t hash) {
    header_.at = seq;
    header_.hash = hash;
    return *this;
  }
  std::string bytes() {
    header_.node = node_;
    return writer_.take(header_);
  }

 private:
  std::string node_;
  bridge::ProposalHeader header_;
  bridge::ProposalWriter writer_;
};

}  // namespace cluster_test
