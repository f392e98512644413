#include "app/token_commands.h"

#include <iostream>
#include <utility>

namespace bridge {

TokenCommands::TokenCommands(CLI::App& cli, CredentialFiles files)
    : CredentialCommands(cli, CredentialKind::token, "Make, list and revoke the tokens by which clients say who they are",
                         std::move(files), "90d"),
      create_(command_->add_subcommand("create", "Make a token and print it, once, on stdout")) {
  add_request(create_, "Whose it is: 1-64 characters of A-Z a-z 0-9 _ . : -", true);
  add_list_and_revoke("List them, without the tokens themselves, which nobody has",
                      "Take a token away; its connections are closed within a second");
}

int TokenCommands::create() const {
  auto credential = asked_for();
  if (!credential) return fail_command(2, credential.error().message);
  const auto file = credentials();
  if (!file) return fail_command(2, file.error().message);
  const NewToken token = make_token();
  credential.value().id = token.id;
  credential.value().sha256 = token.sha256;
  const auto added = add(file.value(), credential.value());
  if (!added) return fail_command(1, added.error().message);
  std::cout << token.text << std::endl;
  std::cerr << "ppo-bridge: " << request_.name << " is " << request_.role << " by this token, id " << token.id << ", "
            << lifetime_text(credential.value()) << "; it is shown here only\n";
  return std::cout ? 0 : 1;
}

}  // namespace bridge
