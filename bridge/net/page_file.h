// A file of the dashboard, built into the program.
#pragma once

#include <string_view>
#include <vector>

namespace bridge {

// All of it lives as long as the program.
struct PageFile {
  std::string_view path;  // as it is asked for: "/", "/assets/index-3f2a.js"
  std::string_view content_type;
  std::string_view etag;   // quotes included
  bool immutable = false;  // its path changes whenever it does
  std::string_view body;
};

// Empty where the program was built without npm. Defined in a source that the build generates.
const std::vector<PageFile>& page_files();

}  // namespace bridge
