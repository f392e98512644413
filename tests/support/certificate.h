// Certificates for tests, made on the spot: nothing of them is kept, and none runs out.
#pragma once

#include <string>

namespace testing_support {

struct CertificateOptions {
  std::string host = "127.0.0.1";  // a name or an IPv4 address
  long days = 30;                  // until it is no longer good; negative: since then
};

// Paths of PEM files.
struct Certificate {
  std::string certificate;
  std::string key;
};

// Signed by itself: who trusts it takes the same file as his authority. Writes DIRECTORY/NAME.pem and NAME.key,
// which is 0600 (P-256). What was there is replaced. Throws std::runtime_error.
Certificate make_certificate(const std::string& directory, const std::string& name,
                             const CertificateOptions& options = {});

// One for all bridges of this process, for 127.0.0.1; goes with the process.
const Certificate& shared_certificate();

}  // namespace testing_support
