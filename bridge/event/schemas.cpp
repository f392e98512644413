#include "event/schemas.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <system_error>
#include <utility>

#include <rapidjson/schema.h>
#include <rapidjson/stringbuffer.h>

#include "base/text.h"
#include "event/json_document.h"
#include "event/json_reader.h"

namespace bridge {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kSchemaFilesMax = 512;  // a folder
constexpr std::size_t kSchemaBytesMax = 256 * 1024;

bool has_reference(const rapidjson::Value& value) {
  if (value.IsArray()) return std::any_of(value.Begin(), value.End(), has_reference);
  if (!value.IsObject()) return false;
  return std::any_of(value.MemberBegin(), value.MemberEnd(),
                     [](const auto& member) { return member.name == "$ref" || has_reference(member.value); });
}

// The files of a folder whose names end in .json, in order.
Result<std::vector<fs::path>> json_files(const std::string& folder) {
  std::vector<fs::path> found;
  std::error_code failed;
  for (auto at = fs::directory_iterator(folder, failed); !failed && at != fs::directory_iterator(); at.increment(failed)) {
    if (at->path().extension() == ".json" && at->is_regular_file(failed)) found.push_back(at->path());
  }
  if (failed) return Failure{"schemas.directory: cannot list " + printable(folder) + ": " + failed.message()};
  if (found.size() > kSchemaFilesMax) {
    return Failure{"schemas.directory: " + printable(folder) + " has " + std::to_string(found.size()) + " files; must be at most " +
                   std::to_string(kSchemaFilesMax)};
  }
  std::sort(found.begin(), found.end());
  return found;
}

std::string etag_of(const std::string& text) { return '"' + std::to_string(std::hash<std::string>{}(text)) + '"'; }

}  // namespace

struct Schemas::Type {
  explicit Type(const rapidjson::Document& json) : schema(json), validator(schema) {}

  const rapidjson::SchemaDocument schema;
  rapidjson::SchemaValidator validator;
  Tally tally;
};

Schemas::Schemas() = default;
Schemas::~Schemas() = default;

Result<std::unique_ptr<Schemas>> Schemas::load(const std::string& directory) {
  std::unique_ptr<Schemas> schemas(new Schemas);
  for (const bool of_types : {false, true}) {
    const auto added = schemas->add_files(of_types ? directory + "/types" : directory, of_types ? "/schemas/types/" : "/schemas/", of_types);
    if (!added) return added.error();
  }
  File list{"/schemas/", {}, R"({"schemas":[)"};
  for (const File& file : schemas->files_) list.text += (&file == schemas->files_.data() ? "\"" : ",\"") + file.path + '"';
  list.text += "]}";
  list.etag = etag_of(list.text);
  schemas->files_.insert(schemas->files_.begin(), std::move(list));
  return schemas;
}

Result<bool> Schemas::add_files(const std::string& directory, const std::string& served_at, bool of_types) {
  const auto found = json_files(directory);
  if (!found) return found.error();
  for (const fs::path& path : found.value()) {
    const std::string where = "schemas.directory: " + printable(path.string());
    const std::string name = path.stem().string();
    if (!is_type_name(name)) return Failure{where + " is called after no type; must be 1-64 characters of A-Z a-z 0-9 _ . -"};
    std::ifstream file(path, std::ios::binary);
    std::string text(kSchemaBytesMax + 1, '\0');
    file.read(text.data(), static_cast<std::streamsize>(text.size()));
    text.resize(static_cast<std::size_t>(file.gcount()));
    if (file.bad() || !file.is_open()) return Failure{where + " cannot be read"};
    if (text.size() > kSchemaBytesMax) return Failure{where + " is too large; must be at most " + std::to_string(kSchemaBytesMax) + " bytes"};
    const auto json = read_document(text);
    if (!json) return Failure{where + " " + json.error().message};
    if (!json.value().IsObject()) return Failure{where + " must be a JSON object"};
    if (of_types) {
      if (has_reference(json.value())) return Failure{where + " has a \"$ref\"; the schema of a type must stand by itself"};
      types_.emplace(name, std::make_unique<Type>(json.value()));
    }
    std::string etag = etag_of(text);
    files_.push_back({served_at + name + ".json", std::move(etag), std::move(text)});
  }
  return true;
}

std::string Schemas::check(std::string_view type, std::string_view data) {
  const auto found = types_.find(type);
  if (found == types_.end()) return {};
  Type& known = *found->second;
  ++known.tally.checked;
  known.validator.Reset();
  (void)JsonReader(data, Beyond::infinite)(known.validator);  // ends early where it is not valid
  if (known.validator.IsValid()) return {};
  ++known.tally.mismatched;
  rapidjson::StringBuffer place;
  known.validator.GetInvalidDocumentPointer().Stringify(place);
  return "data" + printable(std::string_view(place.GetString(), place.GetSize())) + " is against \"" +
         known.validator.GetInvalidSchemaKeyword() + "\" of /schemas/types/" + found->first + ".json";
}

const Schemas::Tally* Schemas::tally(std::string_view type) const {
  const auto found = types_.find(type);
  return found == types_.end() ? nullptr : &found->second->tally;
}

void Schemas::for_each_type(const std::function<void(const std::string& type, const Tally&)>& f) const {
  for (const auto& [name, type] : types_) f(name, type->tally);
}

}  // namespace bridge
