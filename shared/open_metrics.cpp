// SPDX-License-Identifier: Apache-2.0
#include "shared/open_metrics.h"

#include <array>
#include <chrono>
#include <cstdint>
#include <initializer_list>
#include <map>
#include <utility>

namespace twinpool {
namespace {

/// The length of the well-formed UTF-8 sequence at the start of `text`; 0: there is none. Source: RFC 3629.
std::size_t utf8_length(std::string_view text) {
  const auto byte = [&](std::size_t at) { return static_cast<unsigned char>(text[at]); };
  const unsigned char first = byte(0);
  if (first < 0x80) return 1;
  const std::size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || text.size() < length) return 0;
  for (std::size_t at = 1; at < length; ++at) {
    if ((byte(at) & 0xc0) != 0x80) return 0;
  }
  const unsigned char second = byte(1);
  const bool overlong = (first == 0xe0 && second < 0xa0) || (first == 0xf0 && second < 0x90);
  const bool beyond = (first == 0xed && second > 0x9f) || (first == 0xf4 && second > 0x8f);
  return overlong || beyond ? 0 : length;
}

/// `text` as it may stand between the quotes of a label.
std::string escape(std::string_view text) {
  std::string escaped;
  while (!text.empty()) {
    const std::size_t length = utf8_length(text);
    if (length == 0) {
      escaped += '?';
    } else if (text[0] == '\\' || text[0] == '"') {
      escaped += '\\';
      escaped += text[0];
    } else if (text[0] == '\n') {
      escaped += "\\n";
    } else if (text[0] == '\0') {
      escaped += '?';
    } else {
      escaped += text.substr(0, length);
    }
    text.remove_prefix(length == 0 ? 1 : length);
  }
  return escaped;
}

/// Nanoseconds as seconds, exactly and whatever the locale: printf's %f would write the locale's decimal point.
std::string seconds(std::uint64_t ns) {
  constexpr std::uint64_t kSecond = 1'000'000'000;
  std::string fraction = std::to_string(kSecond + ns % kSecond).substr(1);
  while (fraction.size() > 1 && fraction.back() == '0') fraction.pop_back();
  return std::to_string(ns / kSecond) + "." + fraction;
}

std::uint64_t positive(std::chrono::nanoseconds duration) {
  return duration.count() > 0 ? static_cast<std::uint64_t>(duration.count()) : 0;
}

/// The page, written family by family.
class Page {
 public:
  explicit Page(std::string_view pool_name) : pool_("pool=\"" + escape(pool_name) + "\"") {}

  /// Begins a family. `unit`: empty, or what `name` ends with.
  void family(std::string_view name, std::string_view type, std::string_view unit, std::string_view help) {
    name_ = "twinpool_" + std::string(name);
    text_ += "# TYPE " + name_ + " " + std::string(type) + "\n";
    if (!unit.empty()) text_ += "# UNIT " + name_ + " " + std::string(unit) + "\n";
    text_ += "# HELP " + name_ + " " + std::string(help) + "\n";
  }
  void sample(std::string_view suffix, const std::string& labels, const std::string& value) {
    text_ += name_ + std::string(suffix) + "{" + pool_ + (labels.empty() ? "" : ",") + labels + "} " + value + "\n";
  }
  void counter(std::string_view name, std::string_view help, std::uint64_t value) {
    family(name, "counter", "", help);
    sample("_total", "", std::to_string(value));
  }
  void gauge(std::string_view name, std::string_view help, std::uint64_t value, std::string_view unit = "") {
    family(name, "gauge", unit, help);
    sample("", "", std::to_string(value));
  }
  /// The samples of one summary; the family has begun.
  void summary(const std::string& labels, const Histogram& histogram) {
    constexpr std::array<std::pair<std::string_view, double>, 5> kQuantiles{
        {{"0.5", 0.5}, {"0.9", 0.9}, {"0.99", 0.99}, {"0.999", 0.999}, {"1.0", 1.0}}};
    const std::string more = labels.empty() ? "" : labels + ",";
    const std::uint64_t count = histogram.count();
    for (const auto& [text, quantile] : kQuantiles) {
      sample("", more + "quantile=\"" + std::string(text) + "\"",
             count == 0 ? "NaN" : seconds(histogram.percentile_ns(quantile)));
    }
    sample("_count", labels, std::to_string(count));
  }
  [[nodiscard]] std::string end() && { return std::move(text_) + "# EOF\n"; }

 private:
  std::string pool_;
  std::string name_;
  std::string text_;
};

void write_tasks(Page& page, const PoolStats& stats) {
  page.counter("tasks_submitted", "Accepted tasks.", stats.submitted);
  page.family("tasks_settled", "counter", "", "Tasks that have settled, by what became of them.");
  for (const auto& [outcome, count] : std::initializer_list<std::pair<std::string_view, std::uint64_t>>{
           {"completed", stats.completed},
           {"failed", stats.failed},
           {"cancelled", stats.cancelled},
           {"timed_out", stats.timed_out},
           {"worker_lost", stats.lost},
           {"pool_closed", stats.rejected_later}}) {
    page.sample("_total", "outcome=\"" + std::string(outcome) + "\"", std::to_string(count));
  }
  page.gauge("tasks_pending", "Tasks that were accepted and have not been seen to settle.", stats.pending);
  page.counter("submissions_refused", "Submissions that were refused; none of them ran.", stats.refused);
  page.counter("tasks_retried", "Runs after the first of tasks whose worker was lost.", stats.retried);
  page.counter("tasks_misdirected", "Tasks that the user's choice of worker threw at or named nobody for.",
               stats.misdirected);
}

void write_pool(Page& page, const PoolStats& stats) {
  page.gauge("degraded", "1 while workers die faster than they may be replaced.", stats.degraded ? 1 : 0);
  page.gauge("hot_spares", "Processes that are ready to take a lost worker's seat.", stats.hot_spares);
  page.gauge("paused", "1 while workers begin no task.", stats.paused ? 1 : 0);
  page.counter("worker_deaths", "Workers that died unasked.", stats.worker_deaths);
  page.counter("workers_recycled", "Workers that were replaced in peace.", stats.recycled);
  page.counter("events_dropped", "Events that came faster than the callback took them.", stats.events_dropped);
  page.counter("event_failures", "Event callbacks that threw.", stats.event_failures);
  page.gauge("shared_memory_in_use_bytes", "Payload memory that is handed out.", stats.shared_bytes_in_use, "bytes");
  page.gauge("shared_memory_limit_bytes", "Payload memory that may be handed out; 0: the pool has none.",
             stats.shared_bytes_limit, "bytes");
  page.family("copied_bytes", "counter", "bytes", "Arguments and results copied through shared memory.");
  page.sample("_total", "", std::to_string(stats.bytes_copied));
  page.family("task_waiting_seconds", "summary", "seconds", "From acceptance to the start, of sampled tasks.");
  page.summary("", stats.waiting);
  page.family("task_running_seconds", "summary", "seconds", "From the start to the end, of sampled tasks.");
  page.summary("", stats.running);
}

void write_workers(Page& page, const PoolStats& stats) {
  constexpr int kStates = static_cast<int>(WorkerState::kStopped) + 1;
  page.family("workers", "gauge", "", "Workers by state.");
  for (int state = 0; state < kStates; ++state) {
    std::uint64_t count = 0;
    for (const WorkerStats& worker : stats.workers) count += static_cast<int>(worker.state) == state ? 1 : 0;
    page.sample("", "state=\"" + std::string(name_of(static_cast<WorkerState>(state))) + "\"", std::to_string(count));
  }
  // Merged stats may hold several workers of one number; one label set may appear only once, so they are summed.
  struct Counts {
    std::uint64_t tasks = 0, busy_ns = 0, restarts = 0, queued = 0;
  };
  std::map<int, Counts> by_number;
  for (const WorkerStats& worker : stats.workers) {
    Counts& counts = by_number[worker.index];
    counts.tasks += worker.tasks;
    counts.busy_ns += positive(worker.busy);
    counts.restarts += worker.restarts;
    counts.queued += worker.queued;
  }
  const auto each = [&](std::string_view suffix, auto value_of) {
    for (const auto& [number, counts] : by_number)
      page.sample(suffix, "worker=\"" + std::to_string(number) + "\"", value_of(counts));
  };
  page.family("worker_tasks", "counter", "", "Tasks that finished at the worker's place.");
  each("_total", [](const Counts& counts) { return std::to_string(counts.tasks); });
  page.family("worker_busy_seconds", "counter", "seconds", "Time spent running tasks, estimated from sampled ones.");
  each("_total", [](const Counts& counts) { return seconds(counts.busy_ns); });
  page.family("worker_restarts", "counter", "", "Replacements of lost workers.");
  each("_total", [](const Counts& counts) { return std::to_string(counts.restarts); });
  page.family("worker_queued_tasks", "gauge", "", "Tasks that wait in the worker's own queue.");
  each("", [](const Counts& counts) { return std::to_string(counts.queued); });
}

void write_functions(Page& page, const PoolStats& given) {
  // Through merge: two functions whose names escape to one label would be one label set twice.
  PoolStats stats;
  for (const FunctionStats& function : given.functions) {
    PoolStats one;
    one.functions.push_back(function);
    one.functions[0].name = escape(function.name);
    stats.merge(one);
  }
  const auto label = [](const FunctionStats& function) { return "function=\"" + function.name + "\""; };
  page.family("function_tasks", "counter", "", "Tasks that ran to their end, by function and outcome.");
  for (const FunctionStats& function : stats.functions) {
    page.sample("_total", label(function) + ",outcome=\"completed\"", std::to_string(function.completed));
    page.sample("_total", label(function) + ",outcome=\"failed\"", std::to_string(function.failed));
  }
  page.family("function_waiting_seconds", "summary", "seconds", "From acceptance to the start, of sampled tasks.");
  for (const FunctionStats& function : stats.functions) page.summary(label(function), function.waiting);
  page.family("function_running_seconds", "summary", "seconds", "From the start to the end, of sampled tasks.");
  for (const FunctionStats& function : stats.functions) page.summary(label(function), function.running);
}

}  // namespace

std::string open_metrics(const PoolStats& stats, std::string_view pool_name) {
  Page page(pool_name);
  write_tasks(page, stats);
  write_pool(page, stats);
  write_workers(page, stats);
  write_functions(page, stats);
  return std::move(page).end();
}

}  // namespace twinpool
