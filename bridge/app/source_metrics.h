// What /metrics tells of each source.
#pragma once

#include "app/metric_families.h"
#include "sources/source_table.h"

namespace bridge {

// Each source is a label, and each label costs whoever scrapes: of more sources, those that were heard of last are told of.
inline constexpr std::size_t kSourcesInMetrics = 256;

// A histogram is sixteen lines: so many sources have one.
inline constexpr std::size_t kSourceHistograms = 64;

void add_sources(MetricFamilies& families, const SourceTable& table, std::int64_t steady_us);

}  // namespace bridge
