#include "cluster/proposal.h"

#include <doctest/doctest.h>

#include <string>

#include "event/block.h"
#include "proposals.h"

namespace {

using namespace bridge;
using cluster_test::event_of;
using cluster_test::kPayloadMax;
using cluster_test::own_event;
using cluster_test::P;

ProposalProblem problem_of(const std::string& bytes) {
  ProposalReader reader;
  return reader.read(bytes, kPayloadMax);
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const std::size_t at = text.find(from);
  REQUIRE(at != std::string::npos);
  return text.replace(at, from.size(), to);
}

}  // namespace

TEST_CASE("proposal: what is not byte for byte as it is written is refused") {
  const std::string good = P("n1", 1).events("a", "r", 7, 8).uncounted().lost("a", "r", 9, 12).bytes();
  REQUIRE(problem_of(good) == ProposalProblem::none);
  CHECK(problem_of("") == ProposalProblem::malformed);
  CHECK(problem_of("hello") == ProposalProblem::malformed);
  CHECK(problem_of(good + "x") == ProposalProblem::malformed);
  for (std::size_t size = 4; size < good.size(); ++size) {
    CAPTURE(size);
    CHECK(problem_of(good.substr(0, size)) != ProposalProblem::none);
  }
  const std::pair<const char*, const char*> wrong[] = {
      {"\"n1\"", "\"n.1\""},
      {"\"n1\"", "\"\""},
      {"\"n1\"", "\"an-unreasonably-long-name-of-a-node\""},
      {"{\"node\"", "{ \"node\""},
      {"\"no\":1", "\"no\":01"},
      {"\"no\":1", "\"no\":0"},
      {"\"no\":1", "\"no\":-1"},
      {"\"no\":1", "\"no\":9223372036854775808"},
      {"\"started\":10", "\"started\":0"},
      {"\"hash\":\"0", "\"hash\":\"G"},
      {"\"stamp\":0", "\"stamp\":253402300800000000"},
      {"[\"a\",\"r\",7,2]", "[\"a\",\"r\",7,0]"},
      {"[\"a\",\"r\",7,2]", "[\"a\",\"r\",8,2]"},  // not what the lines say
      {"[\"a\",\"r\",7,2]", "[\"b\",\"r\",7,2]"},
      {"[\"a\",\"r\",7,2]", "[\"a\",\"\",7,2]"},
      {"[\"a\",\"r\",7,2]", "[\"a\",\"r\",7,1],[\"a\",\"r\",8,1]"},  // these are one
      {"[\"a\",\"r\",7,2]", "[\"\",\"\",0,2]"},    // counted events that are not said to be
      {"[\"a\",\"r\",7,2]", "[\"a\",\"r\",7,12501]"},
      {"[\"\",\"\",0,1]", "[\"\",\"\",1,1]"},
      {"\"!lost\",\"a\",\"r\",9,12", "\"!lost\",\"a\",\"r\",9,8"},
      {"\"!lost\",\"a\",\"r\",9,12", "\"!lost\",\"a\",\"r\",0,12"},
      {"\"!lost\"", "\"!gone\""},
      {"{\"type\":\"t\"", "{\"type\":\"?\""},
      {"{\"type\":\"t\"", "{\"type\":\"\xff\""},
      {"\"x\":1}", "\"x\":1]"},
  };
  for (const auto& [from, to] : wrong) {
    CAPTURE(to);
    CHECK(problem_of(replaced(good, from, to)) == ProposalProblem::malformed);
  }
}

TEST_CASE("proposal: one that only a later program understands is told from one that nobody does") {
  const std::string good = P("n1", 1).uncounted().bytes();
  CHECK(problem_of(replaced(good, "PPO1", "PPO3")) == ProposalProblem::unknown_format);
  const std::string format = replaced(good, "[[", "[[\"!format\",3],[");
  CHECK(problem_of(format) == ProposalProblem::unknown_format);
  CHECK(problem_of(replaced(format, "\"!format\",3", "\"!format\",2")) == ProposalProblem::none);
}

TEST_CASE("proposal: one with rows says so to bridges that do not know of them") {
  const std::string good = P("n1", 1).keep("switch.6d65", 5000, R"({"a":1})").take("switch.6d65", 7).drop("alert.1", 0).uncounted().bytes();
  CHECK(good.substr(0, 5) == "PPO2 ");
  CHECK(good.find(R"([["!keep","switch.6d65",5000],["!take","switch.6d65",7],["!drop","alert.1",0],["","",0,1]]})") != std::string::npos);
  CHECK(problem_of(good) == ProposalProblem::none);
  CHECK(problem_of(replaced(good, "PPO2", "PPO1")) == ProposalProblem::malformed);
  CHECK(problem_of(replaced(P("n1", 1).uncounted().bytes(), "PPO1", "PPO2")) == ProposalProblem::malformed);
  const std::string longest = "switch." + std::string(kRowKeyBytesMax - 7, 'a');
  CHECK(problem_of(replaced(good, "switch.6d65", longest)) == ProposalProblem::none);
  for (const std::string& key : {std::string("switch."), std::string("other.a"), std::string("switch.A"), std::string("switch.a b"), longest + "a"}) {
    CAPTURE(key);
    CHECK(problem_of(replaced(good, "switch.6d65", key)) == ProposalProblem::malformed);
  }
  CHECK(problem_of(replaced(good, ",5000]", ",-1]")) == ProposalProblem::malformed);
  CHECK(problem_of(replaced(good, R"(["!drop","alert.1",0])", R"(["!keep","alert.1",0])")) == ProposalProblem::malformed);  // no line
}

TEST_CASE("proposal: more than a bridge would send is refused by its size") {
  const std::string good = P("n1", 1).uncounted(100).bytes();
  ProposalReader reader;
  CHECK(reader.read(good, good.size() - 1) == ProposalProblem::malformed);
  CHECK(reader.read(good, good.size()) == ProposalProblem::none);
}

TEST_CASE("proposal: the largest source_seq is read, and none that would go beyond it") {
  ProposalWriter writer;
  writer.add(event_of("a", "r", INT64_MAX));
  ProposalHeader header;
  header.node = "n1";
  header.started = header.no = 1;
  const std::string good = writer.take(header);
  CHECK(problem_of(good) == ProposalProblem::none);
  CHECK(problem_of(replaced(good, ",1]]", ",2]]")) == ProposalProblem::malformed);
}

TEST_CASE("proposal: what was written is read, segment by segment and line by line") {
  ProposalWriter writer;
  CHECK(writer.empty());
  writer.add(event_of("a", "r", 7, R"({"text":"häh \"}"})"));
  writer.add(event_of("a", "r", 8));
  writer.add(event_of("b", "r", 9));
  writer.add(event_of("a", "r", 10));
  writer.add(event_of("a", "", 0));
  writer.add(own_event());
  writer.add_lost("b", "r", 10, 20, own_event());
  writer.add_begin("c", "r", 5);
  writer.add_epoch("e2", 77);
  CHECK(writer.events() == 7);
  ProposalHeader header;
  header.node = "n1";
  header.started = 1764180000000000;
  header.no = 812;
  header.at = 90411;
  header.hash = 0x9f03ab00000000ffu;
  header.stamp_us = 1764180000000001;
  const std::string bytes = writer.take(header);
  CHECK(bytes.substr(0, bytes.find('\n')) ==
        R"(PPO1 {"node":"n1","started":1764180000000000,"no":812,"at":90411,"hash":"9f03ab00000000ff",)"
        R"("stamp":1764180000000001,"segments":[["a","r",7,2],["b","r",9,1],["a","r",10,1],["","",0,2],)"
        R"(["!lost","b","r",10,20],["!begin","c","r",5],["!epoch","e2",77]]})");
  CHECK(writer.empty());
  ProposalReader reader;
  REQUIRE(reader.read(bytes, kPayloadMax) == ProposalProblem::none);
  const Proposal& read = reader.proposal();
  CHECK(read.header.no == 812);
  CHECK(read.header.hash == 0x9f03ab00000000ffu);
  REQUIRE(read.segments.size() == 7);
  CHECK(read.segments[0].last() == 8);
  CHECK(read.segments[4].line == 6);
  CHECK(read.segments[5].lines() == 0);
  REQUIRE(read.lines.size() == 7);
  CHECK(read.lines[0].data == R"({"text":"häh \"}"})");
  CHECK(read.lines[1].source_seq == 8);
  CHECK(read.lines[4].source == "a");
}

TEST_CASE("proposal: a line with stamp and number in its middle is the event as a block would hold it") {
  Envelope event = event_of("a", "r", 7, R"({"agent_id":"a1"})");
  event.source_timestamp = "1764180000.25";
  event.others = {R"("note":"}")", R"("n":[1,2])"};
  std::string text;
  append_event_line(text, event);
  EventLine line;
  REQUIRE(read_event_line(text, event.data.size(), &line));
  BlockBuilder builder;
  builder.add(event, 42, 1764180000000001);
  CHECK(std::string(line.until_data()) + R"(,"timestamp":1764180000.000001,"seq":42)" + std::string(line.behind_data()) ==
        builder.seal()->json(0));
}

TEST_CASE("proposal: it is full by bytes, by events and by segments") {
  ProposalWriter writer;
  while (!writer.full()) writer.add(own_event());
  CHECK(writer.bytes() >= kProposalBytesFull - 100);
  CHECK(writer.bytes() < kProposalBytesFull + 1000);
  ProposalHeader header;
  header.node = "n1";
  header.started = header.no = 1;
  ProposalReader reader;
  CHECK(reader.read(writer.take(header), kProposalBytesFull + kProposalOverheadMax) == ProposalProblem::none);
  std::uint64_t seq = 1;
  const std::string longest(64, 'n');
  for (; !writer.full(); seq += 2) writer.add(event_of(longest, longest, seq));
  CHECK(writer.events() == kProposalSegmentsMax);
  CHECK(reader.read(writer.take(header), kProposalBytesFull + kProposalOverheadMax) == ProposalProblem::none);
}
