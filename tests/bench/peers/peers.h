// What people would use instead of the bridge, each from Debian's or npm's packages: see README.md.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "../subject.h"

namespace bench {

// In the order of the tables.
const std::vector<std::string>& peer_names();
bool is_peer(const std::string& name);

// Throws std::invalid_argument if no peer is called that, and std::runtime_error, with the name of
// the package that is missing, if it is not installed.
std::unique_ptr<Subject> make_peer(const std::string& name);

// Each of these throws std::runtime_error as make_peer() does.
std::unique_ptr<Subject> make_node_peer();
std::unique_ptr<Subject> make_fastapi_peer();
std::unique_ptr<Subject> make_nats_peer();
std::unique_ptr<Subject> make_nchan_peer();
std::unique_ptr<Subject> make_mosquitto_peer();

}  // namespace bench
