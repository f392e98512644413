// What /metrics says of a cluster.
#pragma once

#include "app/metric_families.h"
#include "commands/cluster_report.h"

namespace bridge {

void add_cluster(MetricFamilies& families, const ClusterReport& report);

}  // namespace bridge
