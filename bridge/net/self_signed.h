// A certificate that nobody but its own key has signed: enough where its file, or its fingerprint, can be carried to
// those who connect.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"

namespace bridge {

struct SelfSigned {
  std::string certificate;  // PEM
  std::string key;          // PEM, ECDSA over P-256, without a pass phrase
  std::string fingerprint;  // SHA-256 of its DER, as browsers show it: AB:CD:...
};

// For these names and addresses, valid from now on for so many days.
// REQUIRES: at least one; names as is_name-like host names, addresses in IPv4 or IPv6 text.
Result<SelfSigned> make_self_signed(const std::vector<std::string>& hosts, int days);

}  // namespace bridge
