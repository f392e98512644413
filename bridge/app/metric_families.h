// What /metrics is made of, for prometheus-cpp: families of samples.
#pragma once

#include <cstddef>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include "base/counters.h"
#include "base/duration_histogram.h"

namespace bridge {

// Collects families; a name's samples stay together. One thread.
class MetricFamilies {
 public:
  using Type = prometheus::MetricType;
  using Labels = std::vector<prometheus::ClientMetric::Label>;

  template <class Number>
  void counter(std::string name, std::string help, const Number& value) {
    begin(std::move(name), std::move(help), Type::Counter);
    sample(static_cast<double>(value));
  }
  template <class Number>
  void gauge(std::string name, std::string help, const Number& value) {
    begin(std::move(name), std::move(help), Type::Gauge);
    sample(static_cast<double>(value));
  }
  // A line of the table of counters. What that has in microseconds is told in seconds, the unit that Prometheus wants.
  void add(const CounterRow& row, std::uint64_t value) {
    const bool us = row.ends_in("_us");
    std::string name = "ppo_bridge_" + std::string(row.metric);
    if (us) name.replace(name.size() - 2, 2, "seconds");
    std::string help(row.help);
    if (const std::size_t at = help.find("microseconds"); us && at != std::string::npos) help.replace(at, 12, "seconds");
    begin(std::move(name), std::move(help), row.is_level() ? Type::Gauge : Type::Counter);
    sample(static_cast<double>(value) / (us ? 1e6 : 1));
  }
  void begin(std::string name, std::string help, Type type) {
    prometheus::MetricFamily family;
    family.name = std::move(name);
    family.help = std::move(help);
    family.type = type;
    families_.push_back(std::move(family));
  }
  void sample(double value, Labels labels = {}) {
    prometheus::ClientMetric metric;
    metric.label = std::move(labels);
    (families_.back().type == Type::Counter ? metric.counter.value : metric.gauge.value) = value;
    families_.back().metric.push_back(std::move(metric));
  }
  // In seconds. REQUIRES: begin() with Type::Histogram.
  void sample(const DurationHistogram& durations, Labels labels = {}) {
    prometheus::ClientMetric metric;
    metric.label = std::move(labels);
    std::uint64_t below = 0;
    for (std::size_t i = 0; i < DurationHistogram::kBoundsUs.size(); ++i) {
      below += durations.in_bucket(i);
      metric.histogram.bucket.push_back({below, static_cast<double>(DurationHistogram::kBoundsUs[i]) / 1e6});
    }
    metric.histogram.bucket.push_back({durations.count(), std::numeric_limits<double>::infinity()});
    metric.histogram.sample_count = durations.count();
    metric.histogram.sample_sum = durations.sum_us() / 1e6;
    families_.back().metric.push_back(std::move(metric));
  }
  std::string text() const { return prometheus::TextSerializer().Serialize(families_); }

 private:
  std::vector<prometheus::MetricFamily> families_;
};

}  // namespace bridge
