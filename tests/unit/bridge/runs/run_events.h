// Events for the tests of runs, as blocks of a log.
#pragma once

#include <doctest/doctest.h>

#include <cstdint>
#include <string>
#include <vector>

#include "event/block.h"
#include "runs/run_store.h"

namespace bridge {

inline constexpr std::int64_t kRunsNow = 1'619'395'200'000'000;

inline std::string run_event(const std::string& type, const std::string& data,
                             const std::string& source = "s", const std::string& run = "r") {
  return R"({"type":")" + type + R"(","data":)" + data + (source.empty() ? "" : R"(,"source":")" + source + "\"") +
         (run.empty() ? "" : R"(,"run":")" + run + "\"") + "}";
}

// Events first, first+1, ...; a second between two.
inline BlockPtr run_block(std::uint64_t first, const std::vector<std::string>& bodies) {
  BlockBuilder builder;
  EnvelopeParser parser(1 << 21);
  for (const std::string& body : bodies) {
    REQUIRE_MESSAGE(parser.parse(body) == Reject::none, body);
    builder.add(parser.envelope(), first, kRunsNow + static_cast<std::int64_t>(first) * 1'000'000);
    ++first;
  }
  return builder.seal();
}

// An event of the bridge's own.
inline BlockPtr own_block(std::uint64_t seq, const std::string& type, const std::string& data) {
  BlockBuilder builder;
  Envelope event;
  event.type = type;
  event.data = data;
  event.source = kOwnSource;
  builder.add(event, seq, kRunsNow + static_cast<std::int64_t>(seq) * 1'000'000);
  return builder.seal();
}

inline void fold_and_commit(Database& db, RunStore& store, const BlockPtr& block, std::int64_t now_us = 0) {
  db.run("BEGIN");
  store.fold(*block, 0);
  store.write(now_us);
  db.run("COMMIT");
}

inline void flush_all(Database& db, RunStore& store) {
  db.run("BEGIN");
  store.flush();
  db.run("COMMIT");
}

}  // namespace bridge
