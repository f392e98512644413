#include "trainer/agent/checkpoint.h"

#include <algorithm>
#include <cstring>
#include <limits>

namespace trainer {
namespace {

constexpr std::string_view kMagic = "PPOCKPT1";
constexpr std::size_t kNumberBytes = 8;
constexpr std::uint64_t kAgentsMax = 256;
constexpr std::uint64_t kIdBytesMax = 64;

std::uint64_t fnv1a(std::string_view bytes) {
  std::uint64_t hash = 0xcbf29ce484222325ULL;
  for (const char c : bytes) {
    hash ^= static_cast<unsigned char>(c);
    hash *= 0x100000001b3ULL;
  }
  return hash;
}

void put(std::string& out, std::uint64_t number) {
  for (std::size_t i = 0; i < kNumberBytes; ++i) {
    out += static_cast<char>(static_cast<unsigned char>(number >> (8 * i)));
  }
}

void put(std::string& out, std::int64_t number) {
  put(out, static_cast<std::uint64_t>(number));
}

void put(std::string& out, const Eigen::VectorXd& reals) {
  for (const double real : reals) {
    std::uint64_t bits = 0;
    static_assert(sizeof bits == sizeof real);
    std::memcpy(&bits, &real, sizeof bits);
    put(out, bits);
  }
}

// Takes apart what put() wrote. After a failure everything is 0 or empty.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : left_(bytes) {}

  bool ok() const { return ok_; }
  bool at_end() const { return left_.empty(); }

  std::string_view text(std::uint64_t size) {
    if (!ok_ || size > left_.size()) {
      ok_ = false;
      return {};
    }
    const std::string_view found = left_.substr(0, size);
    left_.remove_prefix(size);
    return found;
  }

  std::uint64_t number() {
    const std::string_view bytes = text(kNumberBytes);
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < bytes.size(); ++i) {
      value |= static_cast<std::uint64_t>(static_cast<unsigned char>(bytes[i])) << (8 * i);
    }
    return value;
  }

  std::int64_t count() {
    const std::uint64_t value = number();
    if (value > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) ok_ = false;
    return ok_ ? static_cast<std::int64_t>(value) : 0;
  }

  Eigen::VectorXd reals(std::uint64_t size) {
    if (!ok_ || size > left_.size() / kNumberBytes) {
      ok_ = false;
      return {};
    }
    Eigen::VectorXd values(static_cast<Eigen::Index>(size));
    for (double& value : values) {
      const std::uint64_t bits = number();
      std::memcpy(&value, &bits, sizeof value);
    }
    return values;
  }

 private:
  std::string_view left_;
  bool ok_ = true;
};

CheckpointLoad refused(std::string why) {
  return {{}, std::move(why)};
}

AgentCheckpoint read_agent(Reader& reader) {
  AgentCheckpoint agent;
  const std::uint64_t id_size = reader.number();
  agent.agent_id = reader.text(std::min(id_size, kIdBytesMax + 1));
  agent.features = reader.count();
  agent.hidden = reader.count();
  agent.updates = reader.count();
  agent.steps = reader.count();
  agent.learnt.adam.steps = reader.count();
  const std::uint64_t parameters = reader.number();
  agent.learnt.parameters = reader.reals(parameters);
  agent.learnt.adam.first_moment = reader.reals(parameters);
  agent.learnt.adam.second_moment = reader.reals(parameters);
  return agent;
}

bool is_finite(const Learnt& learnt) {
  return learnt.parameters.allFinite() && learnt.adam.first_moment.allFinite() &&
         learnt.adam.second_moment.allFinite() && (learnt.adam.second_moment.array() >= 0.0).all();
}

}  // namespace

std::string encode_checkpoint(const std::vector<AgentCheckpoint>& agents) {
  std::string out(kMagic);
  put(out, static_cast<std::uint64_t>(agents.size()));
  for (const AgentCheckpoint& agent : agents) {
    put(out, static_cast<std::uint64_t>(agent.agent_id.size()));
    out += agent.agent_id;
    put(out, agent.features);
    put(out, agent.hidden);
    put(out, agent.updates);
    put(out, agent.steps);
    put(out, agent.learnt.adam.steps);
    put(out, static_cast<std::int64_t>(agent.learnt.parameters.size()));
    put(out, agent.learnt.parameters);
    put(out, agent.learnt.adam.first_moment);
    put(out, agent.learnt.adam.second_moment);
  }
  put(out, fnv1a(out));
  return out;
}

CheckpointLoad decode_checkpoint(std::string_view bytes) {
  if (bytes.substr(0, kMagic.size()) != kMagic) {
    return refused("it is no checkpoint of version 1: it does not begin with PPOCKPT1");
  }
  if (bytes.size() < kMagic.size() + 2 * kNumberBytes) return refused("it is damaged: cut short");
  const std::string_view content = bytes.substr(0, bytes.size() - kNumberBytes);
  if (Reader(bytes.substr(content.size())).number() != fnv1a(content)) {
    return refused("it is damaged: its checksum does not fit");
  }
  Reader reader(content.substr(kMagic.size()));
  const std::uint64_t count = reader.number();
  if (count < 1 || count > kAgentsMax) {
    return refused("it holds " + std::to_string(count) + " agents; must be 1.." +
                   std::to_string(kAgentsMax));
  }
  CheckpointLoad load;
  for (std::uint64_t i = 0; i < count && reader.ok(); ++i) {
    load.agents.push_back(read_agent(reader));
    if (load.agents.back().agent_id.size() > kIdBytesMax) return refused("an agent id is too long");
    if (!is_finite(load.agents.back().learnt)) return refused("a weight is not a finite number");
  }
  if (!reader.ok() || !reader.at_end()) return refused("its lengths do not fit");
  return load;
}

}  // namespace trainer
