// SPDX-License-Identifier: Apache-2.0
#include "bench/trace/chrome_trace.h"

#include <fmt/format.h>
#include <signal.h>

#include <algorithm>
#include <cstring>
#include <iterator>
#include <map>
#include <nlohmann/json.hpp>
#include <utility>

#include "bench/version.h"

namespace twinpool::bench {
namespace {

/// More than the four lines of a task have ever taken (the test of the limit would tell).
constexpr std::uint64_t kTaskBytes = 512;
constexpr std::uint64_t kPointBytes = 128;
/// What stands around the events.
constexpr std::uint64_t kFrameBytes = 512;
constexpr std::int64_t kMostPoints = 2000;
/// Above every process id that Linux gives (PID_MAX_LIMIT), for ids that came twice.
constexpr int kFirstFreeId = 1 << 22;

std::string quoted(const std::string& text) {
  return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::string signal_name(int signal) {
  const char* const name = sigabbrev_np(signal);
  return name != nullptr ? fmt::format("SIG{}", name) : fmt::format("signal {}", signal);
}

std::string title_of(const TrialTrace::WorkerEvent& event) {
  std::string title(name_of(event.kind));
  std::replace(title.begin(), title.end(), '_', ' ');
  if (event.kind != EventKind::kWorkerLost) return title;
  return title + (event.signal != 0 ? ": " + signal_name(event.signal)
                                    : fmt::format(": exit status {}", event.exit_status));
}

const char* category_of(EventKind kind) {
  if (kind == EventKind::kWorkerLost) return "crash";
  return kind == EventKind::kWorkerRestarted ? "restart" : "pool";
}

}  // namespace

class ChromeTrace::Group {
 public:
  explicit Group(ChromeTrace& trace)
      : trace_(trace), bytes_(trace.text_.size()), lines_(trace.lines_.size()) {}

  template <typename... Args>
  void add(std::int64_t when_ns, fmt::format_string<Args...> format, Args&&... args) {
    const std::size_t offset = trace_.text_.size();
    fmt::format_to(std::back_inserter(trace_.text_), format, std::forward<Args>(args)...);
    trace_.text_ += ",\n";
    trace_.lines_.push_back({when_ns, offset, trace_.text_.size() - offset});
  }
  /// To be called last. Gives: whether the lines fit; if not, they are gone.
  bool keep() {
    if (trace_.text_.size() <= trace_.room_) return true;
    trace_.text_.resize(bytes_);
    trace_.lines_.resize(lines_);
    return false;
  }

 private:
  ChromeTrace& trace_;
  const std::size_t bytes_;
  const std::size_t lines_;
};

/// One trial on its way into the file.
class TrialRows {
 public:
  TrialRows(ChromeTrace& trace, const TrialTrace& trial, std::int64_t points)
      : trace_(trace), trial_(trial), points_(std::clamp<std::int64_t>(points, 8, kMostPoints)) {
    begin_ns_ = trial.ended_ns;
    for (const auto& task : trial.tasks) begin_ns_ = std::min(begin_ns_, task.submitted_ns);
    for (const auto& event : trial.events) begin_ns_ = std::min(begin_ns_, event.when_ns);
    for (const auto& reading : trial.memory) begin_ns_ = std::min(begin_ns_, reading.when_ns);
  }

  void write() {
    owner_ = row_of(trial_.owner, trial_.owner);
    write_events();
    write_memory();
    write_queue();
    write_tasks();
  }

 private:
  struct Row {
    int process = 0;
    int thread = 0;
    bool shown = false;
  };
  [[nodiscard]] bool threads() const { return trial_.backend == Backend::kThreads; }
  [[nodiscard]] std::int64_t since(std::int64_t when_ns) const { return when_ns - begin_ns_; }
  [[nodiscard]] static std::string us(std::int64_t ns) {
    return fmt::format("{}.{:03}", ns / 1000, ns % 1000);
  }

  /// An id that the file has not used for anybody else.
  int shown_id(int id) {
    const auto [known, fresh] = shown_ids_.try_emplace(id, id);
    if (fresh && !trace_.ids_.insert(id).second) {
      known->second = std::max(kFirstFreeId, *trace_.ids_.rbegin() + 1);
      trace_.ids_.insert(known->second);
    }
    return known->second;
  }

  /// "worker 1", or "worker 1, the 2nd" where it was replaced; by what the pool told.
  std::string worker_name(int id) {
    if (id == trial_.owner) return threads() ? "submits" : "owner";
    const auto known = workers_.find(id);
    if (known == workers_.end()) return "worker";
    const auto [worker, generation] = known->second;
    return generation == 1 ? fmt::format("worker {}", worker)
                           : fmt::format("worker {}, no. {}", worker, generation);
  }

  /// The row of a thread, which is named the first time.
  Row row_of(int process, int thread) {
    const auto [known, fresh] = rows_.try_emplace(std::pair(process, thread));
    Row& row = known->second;
    if (!fresh) return row;
    row.process = shown_id(process);
    row.thread = shown_id(thread);
    const std::string title =
        fmt::format("{} {}", trial_.title, threads() ? "threads" : "processes: " + worker_name(process));
    ChromeTrace::Group group(trace_);
    const bool new_process = !processes_.contains(process);
    if (new_process) {
      group.add(-1, R"({{"ph":"M","pid":{},"tid":{},"name":"process_name","args":{{"name":{}}}}})",
                row.process, row.thread, quoted(title));
      group.add(-1,
                R"({{"ph":"M","pid":{},"tid":{},"name":"process_sort_index","args":{{"sort_index":{}}}}})",
                row.process, row.thread, trace_.ids_.size());
    }
    group.add(-1, R"({{"ph":"M","pid":{},"tid":{},"name":"thread_name","args":{{"name":{}}}}})", row.process,
              row.thread, quoted(worker_name(thread)));
    row.shown = group.keep();
    if (row.shown && new_process) processes_.insert(process);
    return row;
  }
  Row row_of_worker(int id) { return threads() ? row_of(trial_.owner, id) : row_of(id, id); }

  void write_instant(std::int64_t when_ns, const Row& row, char scope, const char* category,
                     const std::string& title) {
    if (!row.shown) return;
    ChromeTrace::Group group(trace_);
    group.add(since(when_ns), R"({{"ph":"i","s":"{}","pid":{},"tid":{},"ts":{},"cat":"{}","name":{}}})",
              scope, row.process, row.thread, us(since(when_ns)), category, quoted(title));
    group.keep();
  }

  void write_events() {
    std::map<int, int> generations;
    for (const auto& event : trial_.events) {
      if (event.worker < 0 || event.id <= 0) {
        write_instant(event.when_ns, owner_, 'p', category_of(event.kind), title_of(event));
        continue;
      }
      if (!workers_.contains(event.id)) workers_[event.id] = {event.worker, ++generations[event.worker]};
      write_instant(event.when_ns, row_of_worker(event.id), threads() ? 't' : 'p', category_of(event.kind),
                    title_of(event));
    }
    if (trial_.strike)
      write_instant(trial_.strike->when_ns, row_of_worker(trial_.strike->thread), 't', "fault",
                    "fault: " + trial_.strike->fault);
    if (!trial_.end.empty())
      write_instant(trial_.ended_ns, owner_, 'p', "crash", "the program " + trial_.end);
  }

  void write_counter(std::int64_t when_ns, const char* name, const char* unit, std::uint64_t value) {
    if (!owner_.shown) return;
    ChromeTrace::Group group(trace_);
    group.add(since(when_ns), R"({{"ph":"C","pid":{},"tid":{},"ts":{},"name":"{}","args":{{"{}":{}}}}})",
              owner_.process, owner_.thread, us(since(when_ns)), name, unit, value);
    group.keep();
  }

  void write_memory() {
    const std::size_t stride = trial_.memory.size() / static_cast<std::size_t>(points_) + 1;
    for (std::size_t i = 0; i < trial_.memory.size(); i += stride)
      write_counter(trial_.memory[i].when_ns, "PSS", "bytes", trial_.memory[i].pss_bytes);
  }

  /// Tasks that were submitted and have not begun, at most `points_` times.
  void write_queue() {
    std::vector<std::pair<std::int64_t, int>> steps;
    for (const auto& task : trial_.tasks) {
      steps.emplace_back(task.submitted_ns, 1);
      if (task.begun_ns != 0) steps.emplace_back(task.begun_ns, -1);
    }
    if (steps.empty()) return;
    std::sort(steps.begin(), steps.end(), [](const auto& a, const auto& b) {
      return a.first != b.first ? a.first < b.first : a.second > b.second;
    });
    const std::int64_t interval = (steps.back().first - steps.front().first) / points_;
    std::int64_t next_ns = steps.front().first;
    std::int64_t length = 0;
    for (std::size_t i = 0; i < steps.size(); ++i) {
      length += steps[i].second;
      const bool last = i + 1 == steps.size();
      if (!last && (steps[i].first < next_ns || steps[i + 1].first == steps[i].first)) continue;
      write_counter(steps[i].first, "queue", "tasks",
                    static_cast<std::uint64_t>(std::max<std::int64_t>(length, 0)));
      next_ns = steps[i].first + std::max<std::int64_t>(interval, 1);
    }
  }

  /// When each task was over, for slices that do not overlap: one that has no end lasts until its worker is
  /// lost, its row's next task begins or the program is gone.
  [[nodiscard]] std::vector<std::int64_t> find_ends() const {
    std::map<int, std::int64_t> lost;
    for (const auto& event : trial_.events) {
      if (event.kind == EventKind::kWorkerLost) lost[event.id] = event.when_ns;
    }
    std::vector<std::size_t> order(trial_.tasks.size());
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
      return trial_.tasks[a].begun_ns > trial_.tasks[b].begun_ns;  // backwards
    });
    std::vector<std::int64_t> ends(trial_.tasks.size(), 0);
    std::map<int, std::int64_t> next;  // begin of the row's next task, by thread
    for (const std::size_t i : order) {
      const auto& task = trial_.tasks[i];
      if (task.begun_ns == 0) continue;
      std::int64_t end = task.ended_ns;
      if (end == 0) {
        const auto death = lost.find(threads() ? task.thread : task.process);
        end = death != lost.end() && death->second > task.begun_ns ? death->second : trial_.ended_ns;
      }
      const auto after = next.find(task.thread);
      ends[i] = after != next.end() ? std::min(end, after->second) : end;
      next[task.thread] = task.begun_ns;
    }
    return ends;
  }

  void write_tasks() {
    const std::vector<std::int64_t> ends = find_ends();
    for (std::size_t i = 0; i < trial_.tasks.size(); ++i)
      ++(write_task(i, ends[i]) ? trace_.shown_ : trace_.left_out_);
  }

  /// Four lines: the call of submit, an arrow from it, its head, the task.
  bool write_task(std::size_t number, std::int64_t end_ns) {
    const auto& task = trial_.tasks[number];
    const Row row = task.begun_ns != 0 ? row_of(task.process, task.thread) : owner_;
    if (!row.shown || !owner_.shown) return false;
    const std::uint64_t flow = trace_.flows_++;
    ChromeTrace::Group group(trace_);
    const std::string submitted = us(since(task.submitted_ns));
    group.add(since(task.submitted_ns),
              R"({{"ph":"X","pid":{},"tid":{},"ts":{},"dur":{},"cat":"submit","name":"submit"}})",
              owner_.process, owner_.thread, submitted, us(task.accepted_ns - task.submitted_ns));
    if (task.begun_ns != 0) {
      const std::string begun = us(since(task.begun_ns));
      group.add(since(task.submitted_ns),
                R"({{"ph":"s","id":{},"pid":{},"tid":{},"ts":{},"cat":"queue","name":"waits"}})", flow,
                owner_.process, owner_.thread, submitted);
      const char* const state = task.ended_ns == 0 ? "unfinished" : task.threw ? "threw" : "returned";
      group.add(
          since(task.begun_ns),
          R"({{"ph":"X","pid":{},"tid":{},"ts":{},"dur":{},"cat":"task","name":{},"args":{{"task":{},"end":"{}"}}}})",
          row.process, row.thread, begun, us(end_ns - task.begun_ns), quoted(trial_.names[task.name]), number,
          state);
      group.add(since(task.begun_ns),
                R"({{"ph":"f","bp":"e","id":{},"pid":{},"tid":{},"ts":{},"cat":"queue","name":"waits"}})",
                flow, row.process, row.thread, begun);
    }
    return group.keep();
  }

  ChromeTrace& trace_;
  const TrialTrace& trial_;
  const std::int64_t points_;
  std::int64_t begin_ns_ = 0;
  Row owner_;
  std::map<int, std::pair<int, int>> workers_;  // by id: number, and which of its number it is
  std::map<std::pair<int, int>, Row> rows_;     // by process and thread
  std::set<int> processes_;                     // that have a name
  std::map<int, int> shown_ids_;
};

ChromeTrace::ChromeTrace(std::uint64_t limit_bytes, std::size_t trials)
    : limit_bytes_(limit_bytes), expected_(std::max<std::size_t>(trials, 1)) {}

std::uint64_t ChromeTrace::share() const {
  const std::uint64_t used = text_.size() + kFrameBytes;
  const std::size_t left = expected_ > added_ ? expected_ - added_ : 1;
  return used < limit_bytes_ ? (limit_bytes_ - used) / left : 0;
}

std::uint32_t ChromeTrace::tasks_of_next() const {
  return static_cast<std::uint32_t>(std::clamp<std::uint64_t>(share() / 4 * 3 / kTaskBytes, 1, 4'000'000));
}

void ChromeTrace::add(const TrialTrace& trial) {
  const std::uint64_t own = share();
  room_ = text_.size() + own;
  left_out_ += trial.left_out;
  TrialRows(*this, trial, static_cast<std::int64_t>(own / 16 / kPointBytes)).write();
  ++added_;
}

std::string ChromeTrace::text() const {
  std::vector<Line> order = lines_;
  std::stable_sort(order.begin(), order.end(),
                   [](const Line& a, const Line& b) { return a.when_ns < b.when_ns; });
  std::string text;
  text.reserve(text_.size() + kFrameBytes);
  text += "{\"traceEvents\":[\n";
  for (const Line& line : order) text.append(text_, line.offset, line.size);
  if (!order.empty()) text.erase(text.size() - 2, 1);  // no comma after the last
  text += fmt::format(
      "],\n\"displayTimeUnit\":\"ns\",\n"
      "\"otherData\":{{\"twinpool\":\"{}\",\"trials\":{},\"tasks_shown\":{},\"tasks_left_out\":{}}}}}\n",
      kVersion, added_, shown_, left_out_);
  return text;
}

}  // namespace twinpool::bench
