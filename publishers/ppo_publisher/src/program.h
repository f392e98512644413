// What one needs to do the same again: the program's name, host, arguments and source code.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include <ppo_publisher/value.h>

namespace ppo {

// `name`, `host`, `argv`, and of the checkout around the executable `git_commit` and `git_branch`;
// bounded. What cannot be read is left out. Runs nothing.
Object about_program();

// As everyone who watches may see them: `--api-key x` and `--password=x` without their x.
std::vector<std::string> arguments_shown(std::vector<std::string> arguments);

// The same of JSON text as Object has it: at every level the member `api_key`, `password` and the like is `***`, unless
// it is null, true or false.
std::string without_secrets(const std::string& json);

// `git_commit` and `git_branch` of the checkout around the folder, read from its .git.
Object checkout_around(const std::filesystem::path& folder);

}  // namespace ppo
