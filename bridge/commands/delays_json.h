// How long events take, hop by hop, as get_status tells of it (PROTOCOL section 5).
#pragma once

#include "base/counters.h"
#include "event/json_writer.h"
#include "sources/source_table.h"

namespace bridge {

// The member `delays` of an object that is begun. `counters`: of all threads.
void put_delays(JsonWriter& json, const Counters& counters, const SourceTable& sources);

// What is known of a run's clock, as members of an object that is begun; none where nothing is.
void put_clock(JsonWriter& json, const Run& run, std::int64_t steady_us);

}  // namespace bridge
