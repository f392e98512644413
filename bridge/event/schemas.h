// JSON Schemas (conf/schemas): what data of a type holds, against which what comes in is checked, and which
// is served.
//
//   DIRECTORY/types/TYPE.json    of the data of that type; compiled once
//   DIRECTORY/*.json             of messages; only served
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace bridge {

// One thread: the log's; but files() and their bytes stay as they are.
class Schemas {
 public:
  // Touches the disk. Fails, naming the file, where one cannot be read, is no JSON object, has a "$ref" (each
  // stands by itself) or is beyond a bound.
  static Result<std::unique_ptr<Schemas>> load(const std::string& directory);
  ~Schemas();

  // "" where `data`, the text of a JSON object, is as the schema of its type says, or that has none; else what
  // is wrong. A number that no double holds cannot be judged, and passes. It is counted either way.
  std::string check(std::string_view type, std::string_view data);

  struct Tally {
    std::uint64_t checked = 0;
    std::uint64_t mismatched = 0;
  };
  // Null where the type has no schema.
  const Tally* tally(std::string_view type) const;
  void for_each_type(const std::function<void(const std::string& type, const Tally&)>& f) const;

  struct File {
    std::string path;  // as it is asked for: /schemas/types/TYPE.json
    std::string etag;  // quotes included
    std::string text;
  };
  // In order of `path`; the first is /schemas/, a list of the others.
  const std::vector<File>& files() const { return files_; }

 private:
  struct Type;

  Schemas();
  Result<bool> add_files(const std::string& directory, const std::string& served_at, bool of_types);

  std::map<std::string, std::unique_ptr<Type>, std::less<>> types_;
  std::vector<File> files_;
};

}  // namespace bridge
