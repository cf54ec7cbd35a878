// SPDX-License-Identifier: Apache-2.0
#include "processes/function_table.h"

#include <utility>

namespace twinpool::processes {

void FunctionTable::reserve(std::uint32_t sequence, std::uint64_t bit) {
  const std::lock_guard lock(mutex_);
  if ((prepared_.fetch_or(bit, std::memory_order_relaxed) & bit) != 0) return;
  if (!segment_.reserve_function(static_cast<std::uint32_t>(function_entry(sequence)))) return;
  ready_ |= bit;
  segment_.header().functions_ready.store(ready_, std::memory_order_release);
}

void FunctionTable::count_in_caller(std::uint32_t sequence, bool completed) {
  const std::lock_guard lock(mutex_);
  by_callers_.count(sequence, completed, 1);
}

std::vector<FunctionStats> FunctionTable::stats() const {
  auto entries = std::make_unique<std::array<FunctionStats, kCountedFunctions>>();
  for (int place = 0; place < segment_.place_count(); ++place) {
    const WorkerRecord& record = segment_.worker(place);
    for (std::size_t i = 0; i < kCountedFunctions; ++i) {
      (*entries)[i].completed += record.functions[i].completed.load(std::memory_order_relaxed);
      (*entries)[i].failed += record.functions[i].failed.load(std::memory_order_relaxed);
    }
  }
  const std::lock_guard lock(mutex_);
  by_callers_.add_to(*entries);
  for (std::size_t i = 0; i < kCountedFunctions; ++i) {
    if ((ready_ >> i & 1) == 0) continue;
    const FunctionCells& cells = segment_.function_times(static_cast<std::uint32_t>(i));
    FunctionStats& entry = (*entries)[i];
    entry.waiting.add(cells.waiting);
    entry.running.add(cells.running);
    if (before_[i] == nullptr) continue;
    entry.waiting = entry.waiting.since(before_[i]->waiting);
    entry.running = entry.running.since(before_[i]->running);
  }
  return name_those_that_ran(std::move(*entries));
}

void FunctionTable::reset() {
  const std::lock_guard lock(mutex_);
  for (std::size_t i = 0; i < kCountedFunctions; ++i) {
    if ((ready_ >> i & 1) == 0) continue;
    const FunctionCells& cells = segment_.function_times(static_cast<std::uint32_t>(i));
    auto before = std::make_unique<Before>();
    before->waiting.add(cells.waiting);
    before->running.add(cells.running);
    before_[i] = std::move(before);
  }
}

}  // namespace twinpool::processes
