// Where libnats is not there.
#include <stdexcept>

#include "bare_stream.h"

namespace bench {

std::size_t leader_of(const std::vector<std::string>&, const std::string&) {
  throw std::runtime_error("this build has no libnats: apt-get install libnats-dev, and build again");
}

std::unique_ptr<BareStream> BareStream::open(const std::vector<std::string>& urls, const Options&) {
  leader_of(urls, "bare");
  return nullptr;
}

}  // namespace bench
