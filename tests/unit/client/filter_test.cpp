#include "ppo-client/filter.h"

#include <initializer_list>
#include <string>

#include <doctest/doctest.h>

using client::Filter;

namespace {

std::string filter_of(std::initializer_list<const char*> conditions) {
  Filter filter;
  for (const char* const condition : conditions) {
    const auto added = filter.add(condition);
    if (!added) return "error: " + added.error();
  }
  return filter.json();
}

}  // namespace

TEST_CASE("filter: what is no condition is refused with the condition and what is allowed") {
  for (const char* const condition : {"", "item", "=Coal", ">=5", "price>5", "price<5", "price!=5",
                                      "price>", "price>=", "price>=x", "price>=1.5mm", "price>=--5",
                                      "item=\"Coal", "item=\"Coal\"x", "item=\"a\"\"b\""}) {
    CAPTURE(condition);
    const std::string result = filter_of({condition});
    CHECK(result.find("error: the filter is '") == 0);
  }
  CHECK(filter_of({"price>5"}).find("quote them for the shell") != std::string::npos);
}

TEST_CASE("filter: one key cannot be both equal and bounded, nor bounded twice on a side") {
  CHECK(filter_of({"price=5", "price>=3"}).find("error:") == 0);
  CHECK(filter_of({"price>=3", "price=5"}).find("error:") == 0);
  CHECK(filter_of({"price>=3", "price>=5"}).find("error:") == 0);
}

TEST_CASE("filter: none is empty") {
  CHECK(filter_of({}).empty());
}

TEST_CASE("filter: a text is that text, and several are alternatives") {
  CHECK(filter_of({"item=Twisted bow"}) == R"({"item":"Twisted bow"})");
  CHECK(filter_of({"item=Coal|Yew logs"}) == R"({"item":["Coal","Yew logs"]})");
  CHECK(filter_of({"item=Coal", "item=Yew logs"}) == R"({"item":["Coal","Yew logs"]})");
  CHECK(filter_of({"item=Zulrah's scales", "source=t-1"}) ==
        R"({"item":"Zulrah's scales","source":"t-1"})");
  CHECK(filter_of({"a=x=y"}) == R"({"a":"x=y"})");
  CHECK(filter_of({"a="}) == R"({"a":""})");
  CHECK(filter_of({"a=..", "b=x..y", "c=1..x"}) == R"({"a":"..","b":"x..y","c":"1..x"})");
}

TEST_CASE("filter: a number means the number and the text, whichever the events hold") {
  CHECK(filter_of({"item_id=4151"}) == R"({"item_id":[4151,"4151"]})");
  CHECK(filter_of({"x=9223372036854775807"}) ==
        R"({"x":[9223372036854775807,"9223372036854775807"]})");
  CHECK(filter_of({"x=-0.5"}) == R"({"x":[-0.5,"-0.5"]})");
  CHECK(filter_of({"x=1.5m"}) == R"({"x":[1500000,"1.5m"]})");
  CHECK(filter_of({"x=007"}) == R"({"x":"007"})");
  CHECK(filter_of({"x=true", "y=null"}) == R"({"x":[true,"true"],"y":[null,"null"]})");
  CHECK(filter_of({"x=1|2"}) == R"({"x":[1,"1",2,"2"]})");
  CHECK(filter_of({"x=1|1"}) == R"({"x":[1,"1"]})");
}

TEST_CASE("filter: in quotes everything is text") {
  CHECK(filter_of({R"(x="4151")"}) == R"({"x":"4151"})");
  CHECK(filter_of({R"(x="a|b")"}) == R"({"x":"a|b"})");
  CHECK(filter_of({R"(x="1..2"|"a\"\\b")"}) == R"({"x":["1..2","a\"\\b"]})");
  CHECK(filter_of({R"(x=a"b)"}) == R"({"x":"a\"b"})");
  CHECK(filter_of({R"(x="")"}) == R"({"x":""})");
}

TEST_CASE("filter: bounds and ranges, with amounts as in the game") {
  CHECK(filter_of({"profit>=100000"}) == R"({"profit":{"min":100000}})");
  CHECK(filter_of({"profit<=1.67m"}) == R"({"profit":{"max":1670000}})");
  CHECK(filter_of({"price>=100k", "price<=2b"}) == R"({"price":{"min":100000,"max":2000000000}})");
  CHECK(filter_of({"price=10..20"}) == R"({"price":{"min":10,"max":20}})");
  CHECK(filter_of({"price=-5.."}) == R"({"price":{"min":-5}})");
  CHECK(filter_of({"price=..1,500"}) == R"({"price":{"max":1500}})");
  CHECK(filter_of({"price=10..20|30"}) == R"({"price":[{"min":10,"max":20},30,"30"]})");
}
