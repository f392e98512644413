#include "feed/message.h"

#include <doctest/doctest.h>

#include "fake_bridge.h"

TEST_CASE("message: what is not a JSON object has no envelope") {
  for (const char* const text : {"", "[]", "5", "{", "{\"seq\":1", "\"type\""}) {
    CHECK_FALSE(feed::read_envelope(text));
  }
}

TEST_CASE("message: an envelope has the top level's fields only, and none of another type") {
  const auto envelope = feed::read_envelope(
      R"({"type":"x","data":{"seq":5,"status":"no"},"seq":18446744073709551615,"source":"s",)"
      R"("run":"r","source_seq":7,"id":3})");
  REQUIRE(envelope);
  CHECK(envelope->type == "x");
  CHECK(envelope->seq == 18446744073709551615u);
  CHECK(envelope->source == "s");
  CHECK(envelope->run == "r");
  CHECK(envelope->source_seq == 7u);
  CHECK(envelope->id.empty());
  CHECK_FALSE(envelope->is_reply());
  CHECK_FALSE(envelope->is_gap());
}

TEST_CASE("message: an event that is called gap is an event, for it has a seq") {
  CHECK(feed::read_envelope(client_tests::gap(1, 2, "evicted"))->is_gap());
  CHECK_FALSE(feed::read_envelope(R"({"type":"gap","data":{},"seq":1})")->is_gap());
}

TEST_CASE("message: a gap of the log and a gap of a source") {
  const feed::Gap log = feed::read_gap(client_tests::gap(5, 99, "slow_client"));
  CHECK(log.reason == "slow_client");
  CHECK(log.from_seq == 5u);
  CHECK(log.to_seq == 99u);
  CHECK(log.source.empty());
  const feed::Gap lost =
      feed::read_gap(R"({"type":"gap","data":{"reason":"source_lost","source":"t","run":"r",)"
                     R"("from_source_seq":3,"to_source_seq":4}})");
  CHECK(lost.source == "t");
  CHECK(lost.run == "r");
  CHECK(lost.from_source_seq == 3u);
  CHECK(lost.to_source_seq == 4u);
  CHECK_FALSE(lost.from_seq);
  CHECK_FALSE(feed::read_gap(R"({"type":"gap","data":[]})").from_seq);
}

TEST_CASE("message: an answer is an error by its status or by its success") {
  const feed::Reply refused = feed::read_reply(
      R"({"status":"error","type":"error","data":{"error_type":"bad_request","message":"no"}})");
  CHECK_FALSE(refused.ok);
  CHECK(refused.error_type == "bad_request");
  CHECK(refused.error == "no");
  const feed::Reply failed =
      feed::read_reply(R"({"status":"command_result","success":false,)"
                       R"("error":{"error_type":"rejected","message":"x"}})");
  CHECK_FALSE(failed.ok);
  CHECK(failed.error_type == "rejected");
  CHECK(failed.error == "x");
  const feed::Reply terse = feed::read_reply(R"({"success":false,"error":"broken"})");
  CHECK(terse.error_type == "error");
  CHECK(terse.error == "broken");
  CHECK(feed::read_reply(R"({"status":"command_result","success":true,"result":{}})").ok);
}
