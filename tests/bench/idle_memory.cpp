#include "idle_memory.h"

#include <cstdio>
#include <stdexcept>
#include <thread>

#include "subject.h"

namespace bench {
using testing_support::milliseconds;

double settled_resident_bytes(const Subject& subject) {
  constexpr int kSame = 5;
  std::uint64_t last = 0;
  int same = 0;
  for (int i = 0; i < 100 && same < kSame && !interrupted; ++i) {
    const std::uint64_t now = resident_bytes_of(subject);
    same = now == last ? same + 1 : 0;
    last = now;
    std::this_thread::sleep_for(milliseconds{100});
  }
  return static_cast<double>(last);
}

IdleMemoryRow measure_idle_clients(const std::string& name, const Options& options) {
  IdleMemoryRow row;
  row.subject = name;
  row.clients = options.idle_clients;
  const std::unique_ptr<Subject> subject = make_subject(name, options);
  subject->start();
  row.resident_bytes_before = settled_resident_bytes(*subject);
  {
    const std::vector<Connection> clients =
        connect_clients(*subject, options.idle_clients, options.receive_buffer_bytes);
    row.resident_bytes_after = settled_resident_bytes(*subject);
  }
  subject->stop();
  if (interrupted) throw std::runtime_error("interrupted");
  row.bytes_per_client =
      (row.resident_bytes_after - row.resident_bytes_before) / static_cast<double>(options.idle_clients);
  return row;
}

std::vector<IdleMemoryRow> measure_idle_memory(const Options& options) {
  std::vector<IdleMemoryRow> rows;
  for (const std::string& name : options.subjects) {
    if (name == "raw") continue;
    rows.push_back(measure_idle_clients(name, options));
    std::fprintf(stderr, "%5zu idle clients, %-8s %8.0f bytes a client\n", rows.back().clients,
                 name.c_str(), rows.back().bytes_per_client);
  }
  return rows;
}

}  // namespace bench
