// Key pairs of CURVE (ZeroMQ RFC 26) and the files that hold them.
//
// The server's file has two lines: public and secret key. A client's has three: its own two, and the server's public
// key. All are 40 characters of Z85, so any program reads them as three words.
#pragma once

#include <string>

#include "base/result.h"

namespace bridge {

struct CurveKeys {
  std::string public_key;
  std::string secret_key;
};

// Fails where libzmq was built without CURVE.
Result<CurveKeys> make_curve_keys();

// The server's. A file that anybody else may read is refused, and told what to run.
Result<CurveKeys> load_server_keys(const std::string& path);

// Writes a new file with 0600; fails where there is one already. Makes the folders above it where they are missing.
Result<bool> write_key_file(const std::string& path, const std::string& text);

// Of 32 bytes, as ZAP has them.
std::string curve_key_text(const void* bytes);

}  // namespace bridge
