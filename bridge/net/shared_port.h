// Several sockets that listen at one TCP address, and which of them gets the next connections.
#pragma once

#include <cstddef>
#include <vector>

namespace bridge {

// By SO_REUSEPORT, and a program for the kernel that chooses (SO_ATTACH_REUSEPORT_CBPF, socket(7)).
// They are numbered in the order in which they were made; the kernel keeps that order as long as
// none is closed. Any thread, one at a time. Owns no descriptor.
class SharedPort {
 public:
  // `first` listens, and outlives this. Nobody had to know then that others would follow: who else
  // binds that address without being asked by this is refused, as ever.
  explicit SharedPort(int first) : first_(first) {}

  // One more that listens where the first does: the caller's, to accept from and to close. -1 where
  // the system has none.
  int listen_too();
  std::size_t count() const { return count_; }

  // Each connection from now on comes to one of these, at random; as many of them as the kernel's
  // program has room for. False where the system cannot: then any may get it. REQUIRES: all are
  // less than count().
  bool steer_to(const std::vector<std::size_t>& numbers) const;

 private:
  const int first_;
  std::size_t count_ = 1;
};

}  // namespace bridge
