// A file that is written whole or not at all.
#pragma once

#include <string>

namespace client {

// Written under another name beside its place and put there by keep(); without that it goes again. So
// nobody ever finds half of it, and a failure leaves alone what was there. One thread.
class OutputFile {
 public:
  // Throws std::runtime_error, which says what is wrong, also where there is a file at `path` already that
  // must not be replaced.
  OutputFile(std::string path, bool replace);
  ~OutputFile();
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;

  int descriptor() const { return descriptor_; }

  // Throws as the constructor does. Once.
  void keep();

 private:
  const std::string path_;
  const bool replace_;
  std::string written_;  // the name until keep()
  int descriptor_ = -1;
};

}  // namespace client
