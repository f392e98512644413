// The process as every Prometheus client library tells of it: process_cpu_seconds_total and its kin.
#pragma once

#include "app/metric_families.h"

namespace bridge {

// Reads /proc/self. What cannot be read is left out. Any thread; some microseconds, and a millisecond where a kernel before
// 6.2 has to be asked for each of ten thousand descriptors.
void add_process(MetricFamilies& families);

}  // namespace bridge
