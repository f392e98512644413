// In a build without libnats.
#include "engine/jetstream.h"

namespace bridge {

bool jetstream_is_built() { return false; }

Result<std::unique_ptr<JetStream>> JetStream::open(const JetStreamOptions&, std::int64_t, std::function<void()>) {
  return Failure{"this build has no JetStream: libnats was not there when it was compiled"};
}

}  // namespace bridge
