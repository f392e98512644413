#include "event/schemas.h"

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>

#include "fixture.h"
#include "support/scratch_directory.h"

using namespace bridge;

namespace {

// A folder of schemas that is gone with it.
struct Folder {
  Folder() { std::filesystem::create_directory(path + "/types"); }
  void put(const std::string& name, const std::string& text) { std::ofstream(path + "/" + name) << text; }
  std::string failure() const {
    const auto loaded = Schemas::load(path);
    return loaded ? "" : loaded.error().message;
  }

  testing_support::ScratchDirectory scratch;
  const std::string path = scratch.path();
};

constexpr const char* kTradeSchema = R"({"type":"object","required":["item"],"properties":{"item":{"type":"string","maxLength":9},
  "price":{"type":["number","null"]},"tags":{"type":"array","items":{"enum":["a","b"]}}}})";

std::size_t index_of(Reject why) { return static_cast<std::size_t>(why); }

}  // namespace

TEST_CASE("schemas: a folder that cannot be used is named, with its file") {
  CHECK(Schemas::load("/nowhere").error().message.find("cannot list /nowhere") != std::string::npos);
  const std::pair<const char*, const char*> wrong[] = {
      {"{", "is not JSON"}, {"[]", "must be a JSON object"}, {"", "is not JSON"},
      {R"({"properties":{"a":{"$ref":"#"}}})", "has a \"$ref\""}, {R"({"anyOf":[{"$ref":"#/anyOf/0"}]})", "has a \"$ref\""}};
  for (const auto& [text, why] : wrong) {
    CAPTURE(text);
    Folder folder;
    folder.put("types/t.json", text);
    const std::string failure = folder.failure();
    CHECK(failure.find("types/t.json") != std::string::npos);
    CHECK(failure.find(why) != std::string::npos);
  }
  Folder folder;
  folder.put("types/a b.json", "{}");
  CHECK(folder.failure().find("called after no type") != std::string::npos);
  Folder large;
  large.put("types/t.json", R"({"title":")" + std::string(300'000, 'x') + "\"}");
  CHECK(large.failure().find("too large; must be at most 262144 bytes") != std::string::npos);
}

TEST_CASE("schemas: data is as its type's schema says, or the place is named") {
  Folder folder;
  folder.put("types/trade.json", kTradeSchema);
  folder.put("types/readme.txt", "no schema");
  const auto schemas = std::move(Schemas::load(folder.path).value());
  const auto check = [&](const char* data) { return schemas->check("trade", data); };
  CHECK(check(R"({"price":1})") == "data is against \"required\" of /schemas/types/trade.json");
  CHECK(check(R"({"item":5})") == "data/item is against \"type\" of /schemas/types/trade.json");
  CHECK(check(R"({"item":"a much longer one"})").find("maxLength") != std::string::npos);
  CHECK(check(R"({"item":"a","tags":["a","c"]})").find("data/tags/1 is against \"enum\"") == 0);
  CHECK(check(R"({"item":"a","price":"1"})").find("data/price") == 0);
  const auto wrong = schemas->tally("trade")->mismatched;
  CHECK(wrong == 5);
  CHECK(check(R"({"price":1e400,"item":5})").find("data/item") == 0);
  CHECK(check(R"({"price":1e400})").find("required") != std::string::npos);
  CHECK(check(R"({"item":"a","price":1.5,"tags":[],"more":{"a":[1]}})").empty());
  CHECK(check(R"({"item":"a","price":null})").empty());
  CHECK(check(R"({"item":"a","price":1e400})").empty());
  CHECK(check(R"({"item":"a","price":123456789012345678901234567890})").empty());
  CHECK(schemas->tally("trade")->checked == 11);
  CHECK(schemas->tally("trade")->mismatched == wrong + 2);
  CHECK(schemas->check("other", "{}").empty());
  CHECK(schemas->tally("other") == nullptr);
}

TEST_CASE("schemas: what is served is a list and each file as it is") {
  Folder folder;
  folder.put("types/trade.json", kTradeSchema);
  folder.put("messages.json", R"({"definitions":{"a":{"$ref":"#"}}})");
  const auto schemas = std::move(Schemas::load(folder.path).value());
  const auto& files = schemas->files();
  REQUIRE(files.size() == 3);
  CHECK(files[0].path == "/schemas/");
  CHECK(files[0].text == R"({"schemas":["/schemas/messages.json","/schemas/types/trade.json"]})");
  CHECK(files[2].text == kTradeSchema);
  CHECK(files[1].etag != files[2].etag);
}

TEST_CASE("schemas: what does not fit is counted, or rejected too, also when it is sent again") {
  Folder folder;
  folder.put("types/trade.json", kTradeSchema);
  const auto schemas = std::move(Schemas::load(folder.path).value());
  const std::string wrong = R"({"type":"trade","data":{"item":5}})";
  Bench bench;
  bench.intake.set_schemas(schemas.get(), false);
  bench.take(wrong);
  CHECK(bench.log.last_seq() == 1);
  CHECK(schemas->tally("trade")->mismatched == 1);
  bench.intake.set_schemas(schemas.get(), true);
  IntakeOutcome outcome;
  bench.intake.take(wrong + "\n" + R"({"type":"trade","data":{"item":"a","price":NaN}})" + "\n" + R"({"type":"other","data":{}})", &outcome);
  CHECK(outcome.accepted == 2);
  CHECK(outcome.first_reject == Reject::schema_mismatch);
  CHECK(outcome.first_detail == "data/item is against \"type\" of /schemas/types/trade.json");
  CHECK(bench.counters.rejected[index_of(Reject::schema_mismatch)] == 1);
  CHECK(bench.log.last_seq() == 3);
  bench.take(R"({"type":"_source","source":"t","run":"r","data":{"head":1,"oldest":1}})");
  CHECK(bench.counters.announcements == 1);
}
