// A file to print into, and what is in it.
#pragma once

#include <cstdio>
#include <string>

namespace client_tests {

class Capture {
 public:
  Capture();
  ~Capture();
  Capture(const Capture&) = delete;
  Capture& operator=(const Capture&) = delete;

  int descriptor() const;
  // All that was written so far. Any thread.
  std::string text() const;

 private:
  std::FILE* file_;
};

}  // namespace client_tests
