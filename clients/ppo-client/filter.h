// The filter of a subscription, from `key=value` as people type it.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "feed/result.h"

namespace client {

// Collects conditions; all of them must pass. What each may look like:
//
//   item=Coal            the text; several with |: item=Coal|Yew logs
//   price=4151           the number or the text "4151", whichever the events hold; so too true,
//   false, null price="4151"         the text only; in quotes | and .. are plain characters, and \"
//   is a quote price>=100k          at least (k, m and b as in the game); price<=2m at most; both
//   together are a range price=10..20         from 10 to 20, both included; 10.. and ..20 are open
class Filter {
 public:
  struct Added {};

  // Fails with a sentence that names the condition and what is allowed.
  feed::Result<Added> add(std::string_view condition);

  // key=value, with `value` as above.
  feed::Result<Added> add(std::string_view key, std::string_view value);

  // The request's `filter` object; empty where nothing was added.
  std::string json() const;

 private:
  struct Key {
    std::string name;
    std::vector<std::string> values;  // JSON, any of them passes
    std::optional<std::string> min;   // from >= and <=
    std::optional<std::string> max;
  };

  Key& key(std::string_view name);

  std::vector<Key> keys_;
};

}  // namespace client
