// Batches that go out compressed: which, once for whom, and that they say the same.

#include <doctest/doctest.h>

#include "event/ws_frame.h"
#include "fake_journal.h"
#include "fixture.h"
#include "support/deflate.h"

using namespace bridge;

namespace {

using Seqs = std::vector<std::uint64_t>;

constexpr std::size_t kEnough = 1 << 22;

bool is_compressed(std::string_view frame) {
  return (frame[0] & 0x40) != 0;
}

std::vector<std::string> frames_of(const Outgoing& out) {
  std::vector<std::string> frames;
  for (const auto& buffer : out.buffers) {
    for (std::string_view rest = *buffer; !rest.empty();) {
      const std::size_t payload_size = payloads(rest).front().size();
      const std::size_t size = frame_header_size(payload_size) + payload_size;
      frames.emplace_back(rest.substr(0, size));
      rest.remove_prefix(size);
    }
  }
  return frames;
}

struct Reader {
  Reader(Bench& bench, bool deflate)
      : feed(
            bench.log, bench.cohorts, bench.clock, [] {}, deflate) {}
  void subscribe(const std::string& request, std::optional<Since> since = std::nullopt,
                 const StreamOptions& options = {}) {
    auto outcome = feed.subscribe(subscription(request), since, options);
    REQUIRE(feed.say(R"({"status":"subscribed"})"));
    feed.give(outcome.snapshot_to);
  }
  // All there is, as frames; then it waits.
  std::vector<std::string> frames() {
    std::vector<std::string> all;
    for (Outgoing out = feed.pull(kEnough); !out.empty() || out.more; out = feed.pull(kEnough)) {
      for (std::string& frame : frames_of(out)) all.push_back(std::move(frame));
    }
    return all;
  }
  Feed feed;
};

// What a frame says, whether compressed or not.
std::string text_of(const std::string& frame) {
  const std::string payload = payloads(frame).front();
  if (!is_compressed(frame)) return payload;
  const auto text = testing_support::inflated(payload);
  REQUIRE(text);
  return *text;
}

std::vector<std::string> texts_of(const std::vector<std::string>& frames) {
  std::vector<std::string> texts;
  for (const std::string& frame : frames) texts.push_back(text_of(frame));
  return texts;
}

std::size_t compressed_in(const std::vector<std::string>& frames) {
  return static_cast<std::size_t>(std::count_if(frames.begin(), frames.end(), is_compressed));
}

// Ticks of about 300 bytes, announced together.
void ticks(Bench& bench, int count, int items = 1) {
  for (int i = 0; i < count; ++i) {
    bench.take(R"({"type":"tick","data":{"item":")" + std::to_string(i % items) + R"(","note":")" +
               std::string(250, 'x') + R"("}})");
  }
  bench.cohorts.announce();
}

const std::string kBatch = R"({"batch":true})";

Since all() {
  Since since;
  since.epoch = "epoch1";
  return since;
}

}  // namespace

TEST_CASE("feed deflate: batches of clients that take it say the same as those of others") {
  Bench bench;
  Reader with(bench, true);
  Reader without(bench, false);
  for (Reader* reader : {&with, &without}) reader->subscribe(kBatch);
  CHECK(compressed_in(with.frames()) == 0);  // the reply
  without.frames();
  ticks(bench, 50);
  const auto compressed = with.frames();
  const auto plain = without.frames();
  REQUIRE(compressed.size() == 1);
  CHECK(static_cast<unsigned char>(compressed[0][0]) == 0xC1);
  CHECK(compressed_in(plain) == 0);
  CHECK(compressed[0].size() < plain[0].size() / 10);
  CHECK(texts_of(compressed) == texts_of(plain));
}

TEST_CASE("feed deflate: without batch nothing is compressed, whatever the connection takes") {
  Bench bench;
  Reader reader(bench, true);
  reader.subscribe("{}");
  reader.frames();
  ticks(bench, 50);
  const auto frames = reader.frames();
  CHECK(frames.size() == 50);
  CHECK(compressed_in(frames) == 0);
  CHECK(bench.cohorts.deflated().messages == 0);
}

TEST_CASE("feed deflate: what is small, or would not shrink, goes as it is") {
  Bench bench;
  Reader reader(bench, true);
  reader.subscribe(kBatch);
  reader.frames();
  ticks(bench, 2);
  CHECK(compressed_in(reader.frames()) == 0);
  ticks(bench, 4);
  CHECK(compressed_in(reader.frames()) == 1);
}

TEST_CASE("feed deflate: a block is compressed once for all that share a subscription") {
  Bench bench;
  Reader first(bench, true);
  Reader second(bench, true);
  Reader other(bench, true);
  first.subscribe(kBatch);
  second.subscribe(kBatch);
  other.subscribe(R"({"batch":true,"subscriptions":["tick"]})");
  for (Reader* reader : {&first, &second, &other}) reader->frames();
  CHECK(bench.cohorts.cohorts() == 2);
  ticks(bench, 20);
  const Outgoing a = first.feed.pull(kEnough);
  const Outgoing b = second.feed.pull(kEnough);
  REQUIRE(a.buffers.size() == 1);
  CHECK(a.buffers == b.buffers);  // the same bytes, not only equal ones
  other.frames();
  CHECK(bench.cohorts.deflated().messages == 2);
  // Who does not take it is of another cohort.
  Reader plain(bench, false);
  plain.subscribe(kBatch);
  plain.frames();
  CHECK(bench.cohorts.cohorts() == 3);
}

TEST_CASE("feed deflate: what is left of a subscription stays compressed") {
  Bench bench;
  Reader reader(bench, true);
  reader.subscribe(R"({"batch":true,"subscriptions":["tick","other"]})");
  reader.frames();
  reader.feed.subscribe(reader.feed.subscription().without({"other"}).value(), std::nullopt);
  reader.frames();
  ticks(bench, 20);
  CHECK(compressed_in(reader.frames()) == 1);
}

TEST_CASE("feed deflate: a resume, a snapshot and the latest are compressed, too") {
  Bench bench;
  ticks(bench, 40, 20);
  for (const char* what : {"resume", "snapshot", "latest"}) {
    CAPTURE(what);
    const std::string mode = what;
    std::vector<std::vector<std::string>> texts;
    for (const bool deflate : {false, true}) {
      Reader reader(bench, deflate);
      if (mode == "resume") reader.subscribe(kBatch, all());
      if (mode == "snapshot") reader.subscribe(kBatch, std::nullopt, {true, OnLag::read_back});
      if (mode == "latest") {
        reader.subscribe(R"({"batch":true,"deliver":{"mode":"latest","max_rate_hz":10}})", all());
        bench.cohorts.hurry();
      }
      const auto frames = reader.frames();
      CHECK(frames.size() == 2);
      CHECK(compressed_in(frames) == (deflate ? 1 : 0));
      texts.push_back(texts_of(frames));
    }
    CHECK(texts[0] == texts[1]);
  }
}

TEST_CASE("feed deflate: slices of the journal are compressed, gap messages between them not") {
  FakeClock clock;
  FakeJournal journal;
  EnvelopeParser parser{1 << 16};
  EventLog log("e", {160, 1 << 20});
  log.add_on_seal([&](const BlockPtr& block) { journal.blocks.push_back(block); });
  Snapshot snapshot{1000, 1 << 20};
  Cohorts cohorts{log, snapshot, clock, &journal};
  const std::string body = R"({"type":"tick","data":{"note":")" + std::string(250, 'x') + R"("}})";
  for (int i = 0; i < 400; ++i) {
    REQUIRE(parser.parse(body) == Reject::none);
    log.append(parser.envelope(), clock.wall_us());
  }
  REQUIRE(journal.blocks[3]->size() == 20);
  REQUIRE(log.history().first_seq() > journal.blocks[4]->first_seq());
  journal.blocks.erase(journal.blocks.begin() + 3);
  Feed feed(
      log, cohorts, clock, [] {}, true);
  Since since;
  since.epoch = "e";
  feed.subscribe(subscription(kBatch), since);
  std::vector<std::string> all_texts;
  std::size_t compressed = 0;
  for (int idle = 0; idle < 2;) {
    const Outgoing out = feed.pull(kEnough);
    idle = out.empty() && journal.waiting.empty() ? idle + 1 : 0;
    const auto frames = frames_of(out);
    compressed += compressed_in(frames);
    for (std::string& text : texts_of(frames)) all_texts.push_back(std::move(text));
    journal.answer();
  }
  CHECK(compressed == all_texts.size() - 1);
  std::size_t events = 0;
  for (const std::string& text : all_texts) {
    if (text.front() == '[') events += parse_json(text).Size();
  }
  CHECK(events == 380);
}

TEST_CASE("feed deflate: no more is compressed in one go than fits in what the socket takes") {
  Bench bench;
  ticks(bench, 10'000);
  Reader reader(bench, true);
  reader.subscribe(kBatch, all());
  const Outgoing out = reader.feed.pull(256 * 1024);
  CHECK(out.events > 0);
  CHECK(out.events <
        2500);  // 300 bytes each: about two blocks, though compressed they are next to nothing
}

TEST_CASE("feed deflate: a large snapshot is compressed in parts, so that the loop goes on") {
  Snapshot large{100'000, 1 << 26};
  EventLog log("e", {1'000'000, 1 << 27});
  EnvelopeParser parser{1 << 16};
  for (int i = 0; i < 5'000; ++i) {
    const std::string body = R"({"type":"tick","data":{"item":")" + std::to_string(i) +
                             R"(","note":")" + std::string(250, 'x') + R"("}})";
    REQUIRE(parser.parse(body) == Reject::none);
    log.append(parser.envelope(), 1);
  }
  std::uint64_t work = 0;
  int parts = 0;
  while (!large.catch_up(log, log.head(), kStepWork, &work)) ++parts;
  CHECK(parts > 30);
  CHECK(work / parts < 2 * kStepWork);
  Deflater deflater(1);
  Subscription batch = subscription(kBatch);
  batch.set_deflate();
  std::uint64_t events = 0;
  std::uint64_t bytes = 0;
  parts = 0;
  for (std::uint64_t after = 0; after < log.head(); ++parts) {
    work = 0;
    const Snapshot::Part part = large.frames(batch, after, log.head(), 8 * kStepWork, &work, &deflater);
    CHECK(work < 9 * kStepWork);
    CHECK(part.to_seq > after);
    after = part.to_seq;
    events += part.frames.events;
    bytes += part.frames.bytes->size();
  }
  CHECK(parts > 10);
  CHECK(events == 5'000);
  CHECK(deflater.tally().bytes_before > bytes * 5);
}
