#include "capture.h"

#include <unistd.h>

#include <stdexcept>

namespace client_tests {

Capture::Capture() : file_(std::tmpfile()) {
  if (file_ == nullptr) throw std::runtime_error("no temporary file");
}

Capture::~Capture() {
  std::fclose(file_);
}

int Capture::descriptor() const {
  return fileno(file_);
}

std::string Capture::text() const {
  std::string all;
  char piece[4096];
  while (true) {
    const ssize_t got = ::pread(descriptor(), piece, sizeof piece, static_cast<off_t>(all.size()));
    if (got <= 0) return all;
    all.append(piece, static_cast<size_t>(got));
  }
}

}  // namespace client_tests
