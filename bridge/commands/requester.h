// Who asks for a command.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "access/access.h"
#include "base/request_budget.h"

namespace bridge {

// Who asks: a name for events and dead-man's switches; the account that pays, null: nobody's; and what he may do, null:
// everything.
struct Requester {
  Requester(std::string name_, std::shared_ptr<RequestBudget> account_ = nullptr,
            std::shared_ptr<const Access> access_ = nullptr, std::uint64_t connection_ = 0, std::string remote_ = {})
      : name(std::move(name_)),
        account(std::move(account_)),
        access(std::move(access_)),
        connection(connection_),
        remote(std::move(remote_)) {}

  // Whom his switches and idempotency keys belong to: nobody else, by whatever name.
  std::string owner() const { return access == nullptr ? name : access->name + "/" + name; }

  std::string name;
  std::shared_ptr<RequestBudget> account;
  std::shared_ptr<const Access> access;
  std::uint64_t connection;  // of a WebSocket client; 0: none
  std::string remote;        // address:port, for the audit log
};

}  // namespace bridge
