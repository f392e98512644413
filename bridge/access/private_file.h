// Files that say who may do what.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace bridge {

// A regular file of root's or one's own that nobody else may write (open(2), stat(2)), of at most 4 MiB; nothing where it
// is not there.
Result<std::optional<std::string>> read_private_file(const std::string& path);

// Whether others than its owner may do anything with it, or it cannot be told.
bool is_open_to_others(const std::string& path);

// Writes a file of 0600, to the disk; `flags`: O_EXCL or O_TRUNC, what is to be done where there is one already. What cannot
// be written whole is taken away again.
Result<bool> write_private_file(const std::string& path, std::string_view text, int flags);

// Makes the folder that it is in and those above that are missing; nobody else may look into what is made.
void make_folder_of(const std::string& path);
// Another one whenever the file has changed, by its inode, size and time; empty where it is not there.
std::string file_stamp(const std::string& path);

}  // namespace bridge
