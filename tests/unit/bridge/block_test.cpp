#include "event/block.h"

#include <doctest/doctest.h>

#include "event/ws_frame.h"
#include "fixture.h"

using namespace bridge;

namespace {

void add(BlockBuilder& builder, const std::string& body, std::uint64_t seq, std::int64_t us) {
  EnvelopeParser parser(1 << 21);
  REQUIRE(parser.parse(body) == Reject::none);
  builder.add(parser.envelope(), seq, us);
}

}  // namespace

TEST_CASE("frame: the three header lengths of RFC 6455 section 5.2") {
  const auto header = [](std::uint64_t size) {
    std::string out;
    append_text_frame_header(out, size);
    CHECK(out.size() == frame_header_size(size));
    return out;
  };
  CHECK(header(125) == std::string("\x81\x7D"));
  CHECK(header(126) == std::string("\x81\x7E\x00\x7E", 4));
  CHECK(header(65535) == std::string("\x81\x7E\xFF\xFF", 4));
  CHECK(header(65536) == std::string("\x81\x7F\x00\x00\x00\x00\x00\x01\x00\x00", 10));
}

TEST_CASE("block: an event goes out in the wire contract's form, data untouched") {
  BlockBuilder builder;
  add(builder,
      R"({"type":"trade_executed","data":{"p": 1.50e3},"timestamp":1619395200.25,)"
      R"("source":"trainer-1","run":"k3f9a2","source_seq":42,"note":"x"})",
      1042, 1'619'395'200'251'003);
  add(builder, R"({"type":"t","data":{}})", 1043, 1'619'395'200'251'003);
  const BlockPtr block = builder.seal();
  CHECK(builder.empty());
  CHECK(block->json(0) ==
        R"({"type":"trade_executed","data":{"p": 1.50e3},"timestamp":1619395200.251003,)"
        R"("seq":1042,"source":"trainer-1","run":"k3f9a2","source_seq":42,)"
        R"("source_timestamp":1619395200.25,"note":"x"})");
  CHECK(block->json(1) == R"({"type":"t","data":{},"timestamp":1619395200.251003,"seq":1043})");
  const auto all = payloads(std::string_view(block->frames()));
  REQUIRE(all.size() == 2);
  CHECK(all[0] == block->json(0));
  CHECK(all[1] == block->json(1));
}

TEST_CASE("block: large events get the long frame headers") {
  BlockBuilder builder;
  for (const std::size_t size : {std::size_t{10}, std::size_t{200}, std::size_t{70'000}}) {
    add(builder, R"({"type":"t","data":{"a":")" + std::string(size, 'x') + "\"}}",
        builder.size() + 1, 0);
  }
  const BlockPtr block = builder.seal();
  const auto all = payloads(std::string_view(block->frames()));
  REQUIRE(all.size() == 3);
  for (std::size_t i = 0; i < 3; ++i) CHECK(all[i] == block->json(i));
}

TEST_CASE("block: the index finds the fields, escaped ones by their meaning") {
  BlockBuilder builder;
  add(builder, R"({"type":"t","data":{"agent_id":"a","item":"\u00e9"},"source":"s"})", 7, 0);
  const BlockPtr block = builder.seal();
  const EventEntry& e = block->entry(0);
  CHECK(block->text(e.type) == "t");
  CHECK(block->text(e.source) == "s");
  CHECK(block->text(e.agent_id) == "a");
  CHECK(block->text(e.item) == "\xC3\xA9");
  CHECK(block->text(e.data) == R"({"agent_id":"a","item":"\u00e9"})");
}

TEST_CASE("block: merged blocks are the same events with the same index") {
  BlockBuilder builder;
  std::vector<BlockPtr> parts;
  for (std::uint64_t seq = 1; seq <= 5; ++seq) {
    add(builder, R"({"type":"t","data":{"item":"\u00e9)" + std::to_string(seq) + "\",\"agent_id\":\"a" +
                     std::to_string(seq) + "\"}}", seq, static_cast<std::int64_t>(seq));
    if (seq % 2 == 1) parts.push_back(builder.seal());
  }
  const BlockPtr merged = BlockBuilder::merge(parts);
  REQUIRE(merged->size() == 5);
  CHECK(merged->first_seq() == 1);
  CHECK(merged->last_seq() == 5);
  for (std::size_t i = 0; i < 5; ++i) {
    const std::string n = std::to_string(i + 1);
    CHECK(merged->text(merged->entry(i).item) == "\xC3\xA9" + n);
    CHECK(merged->text(merged->entry(i).agent_id) == "a" + n);
    CHECK(seq_of(std::string(merged->json(i))) == i + 1);
  }
}

TEST_CASE("block: a stored event that is not UTF-8 is not taken back") {
  BlockBuilder builder;
  add(builder, R"({"type":"t","data":{"a":"xx"}})", 1, 0);
  StoredEvent event;
  std::string json(builder.seal()->json(0));
  event.seq = 1;
  event.data_bytes = 10;
  event.json = json;
  CHECK(builder.add_stored(event));
  builder.seal();
  json.replace(json.find("xx"), 2, "\xED\xA0");  // as an old version's client_id could be
  event.json = json;
  CHECK_FALSE(builder.add_stored(event));
  CHECK(builder.empty());
}
