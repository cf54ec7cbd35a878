// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <array>
#include <cmath>
#include <functional>
#include <iterator>

#include "bench/cell_name.h"
#include "bench/formats/format.h"
#include "bench/version.h"

// Source: OpenMetrics 1.0 (prometheus/OpenMetrics, specification/OpenMetrics.md): all samples of a family
// stand together, a counter's end in _total, a unit is the end of the family's name, a histogram has a bucket
// "+Inf", and "# EOF" ends the text.
//
// Textfile collectors and gateways read Prometheus's older text format, which knows no type "info" and calls
// a counter's family by the name of its samples. Only gauges and histograms are the same in both, so there is
// nothing else here; the counts of a run begin anew with the next one anyway.
namespace twinpool::bench {
namespace {

constexpr std::array kBuckets_s{1e-6, 2e-6, 5e-6, 1e-5, 2e-5, 5e-5, 1e-4, 2e-4, 5e-4, 1e-3, 2e-3,
                                5e-3, 1e-2, 2e-2, 5e-2, 0.1,  0.2,  0.5,  1.0,  2.0,  5.0,  10.0};

/// A float as the format writes it: with a point or an exponent.
std::string number(double value) {
  std::string text = fmt::format("{}", value);
  return text.find_first_of(".e") == std::string::npos ? text + ".0" : text;
}

std::string escape(std::string_view text) {
  std::string escaped;
  for (const char letter : text) {
    if (letter == '\\' || letter == '"') escaped += '\\';
    if (letter == '\n')
      escaped += "\\n";
    else
      escaped += letter;
  }
  return escaped;
}

class Exposition {
 public:
  explicit Exposition(const BenchResults& results) : results_(results) {}

  void family(const char* name, const char* type, const char* unit, const char* help) {
    fmt::format_to(out(), "# TYPE {} {}\n", name, type);
    if (unit[0] != '\0') fmt::format_to(out(), "# UNIT {} {}\n", name, unit);
    fmt::format_to(out(), "# HELP {} {}\n", name, help);
  }
  void sample(const std::string& name, const std::string& labels, const std::string& value) {
    fmt::format_to(out(), "{}{{{}}} {}\n", name, labels, value);
  }
  void each(const std::function<void(const std::string& labels, const BackendResult& side)>& visit) const {
    for (const CellResult& cell : results_.cells) {
      for (const BackendResult& side : cell.sides) {
        visit(fmt::format("cell=\"{}\",workload=\"{}\",workers=\"{}\",backend=\"{}\"",
                          escape(name_of(cell.cell)), escape(cell.cell.workload->name), cell.cell.workers,
                          name_of(side.backend)),
              side);
      }
    }
  }
  [[nodiscard]] std::string finish() { return std::move(text_) + "# EOF\n"; }

 private:
  std::back_insert_iterator<std::string> out() { return std::back_inserter(text_); }
  const BenchResults& results_;
  std::string text_;
};

void add_counts(Exposition& to) {
  to.family("twinpool_tasks", "gauge", "", "Tasks of all stretches of all trials.");
  to.each([&](const std::string& labels, const BackendResult& side) {
    std::uint64_t delivered = 0, failed = 0, lost = 0, wrong = 0;
    for (const Sample& sample : side.samples) {
      delivered += sample.delivered;
      failed += sample.failed;
      lost += sample.lost;
      wrong += sample.wrong;
    }
    const auto add = [&](const char* outcome, std::uint64_t count) {
      to.sample("twinpool_tasks", fmt::format("{},outcome=\"{}\"", labels, outcome), std::to_string(count));
    };
    add("delivered", delivered - std::min(delivered, wrong));  // what was wrong was delivered too
    add("failed", failed);
    add("lost", lost);
    add("wrong", wrong);
  });
}

void add_gauge(Exposition& to, const char* name, const char* help, Quantity quantity) {
  to.family(name, "gauge", "", help);
  to.each([&](const std::string& labels, const BackendResult& side) {
    const auto value = median_of(side, quantity);
    if (value && std::isfinite(*value)) to.sample(name, labels, number(*value));
  });
}

void add_memory(Exposition& to) {
  to.family("twinpool_memory_bytes", "gauge", "bytes", "Memory of all processes of a trial.");
  to.each([&](const std::string& labels, const BackendResult& side) {
    const auto add = [&](const char* moment, const std::optional<MemoryUse>& use) {
      if (!use) return;
      const auto one = [&](const char* kind, std::uint64_t bytes) {
        to.sample("twinpool_memory_bytes", fmt::format("{},kind=\"{}\",moment=\"{}\"", labels, kind, moment),
                  std::to_string(bytes));
      };
      one("pss", use->pss_bytes);
      one("uss", use->uss_bytes);
      one("rss", use->rss_bytes);
    };
    add("rest", side.rest);
    add("peak", side.peak);
  });
}

void add_latency(Exposition& to) {
  to.family("twinpool_task_seconds", "histogram", "seconds",
            "From the submission of a task (open loop: its intended start) until it had settled.");
  to.each([&](const std::string& labels, const BackendResult& side) {
    std::array<std::uint64_t, kBuckets_s.size()> within{};
    std::uint64_t count = 0;
    double sum = 0;
    for (const auto& [ns, times] : latency_counts(side)) {
      const double seconds = static_cast<double>(ns) * 1e-9;
      sum += seconds * static_cast<double>(times);
      count += times;
      for (std::size_t i = 0; i < kBuckets_s.size(); ++i) within[i] += seconds <= kBuckets_s[i] ? times : 0;
    }
    if (count == 0) return;
    for (std::size_t i = 0; i < kBuckets_s.size(); ++i) {
      to.sample("twinpool_task_seconds_bucket", fmt::format("{},le=\"{}\"", labels, number(kBuckets_s[i])),
                std::to_string(within[i]));
    }
    to.sample("twinpool_task_seconds_bucket", labels + ",le=\"+Inf\"", std::to_string(count));
    to.sample("twinpool_task_seconds_count", labels, std::to_string(count));
    to.sample("twinpool_task_seconds_sum", labels, number(sum));
  });
}

}  // namespace

std::string write_openmetrics(const Report& report) {
  Exposition to(report.results);
  to.family("twinpool_build_info", "gauge", "", "What measured.");
  to.sample("twinpool_build_info", fmt::format("version=\"{}\",build_type=\"{}\"", kVersion, kBuildType),
            "1");
  add_counts(to);
  add_gauge(to, "twinpool_throughput", "Tasks per second, the median over the trials.", throughput_of);
  add_gauge(to, "twinpool_throughput_per_cpu",
            "Tasks per second of own CPU time, the median over the trials.", per_cpu_second_of);
  add_memory(to);
  add_latency(to);
  return to.finish();
}

}  // namespace twinpool::bench
