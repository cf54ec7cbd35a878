// SPDX-License-Identifier: Apache-2.0
#include "threads/function_counts.h"

#include <new>
#include <utility>

#include "shared/task.h"

namespace twinpool::threads {
namespace {

/// Several workers write here, unlike HistogramCells::record.
void record_shared(HistogramCells& cells, std::uint64_t value) noexcept {
  cells.cells[histogram_cell(value)].fetch_add(1, std::memory_order_relaxed);
}

}  // namespace

void FunctionCounts::add_to(std::array<FunctionStats, kCountedFunctions>& entries) const {
  for (std::size_t i = 0; i < kCountedFunctions; ++i) {
    entries[i].completed += cells_[i].completed.load(std::memory_order_relaxed);
    entries[i].failed += cells_[i].failed.load(std::memory_order_relaxed);
  }
}

FunctionTimes::~FunctionTimes() {
  for (auto& cells : cells_) delete cells.load(std::memory_order_relaxed);
}

void FunctionTimes::record(std::uint32_t sequence, std::uint64_t waited_ns, std::uint64_t ran_ns) noexcept {
  auto& at = cells_[function_entry(sequence)];
  Cells* cells = at.load(std::memory_order_acquire);  // pairs with the exchange below, of another worker
  if (cells == nullptr) {
    auto* const fresh = new (std::nothrow) Cells;
    if (fresh == nullptr) return;
    if (at.compare_exchange_strong(cells, fresh, std::memory_order_acq_rel, std::memory_order_acquire)) {
      cells = fresh;
    } else {
      delete fresh;
    }
  }
  record_shared(cells->waiting, waited_ns);
  record_shared(cells->running, ran_ns);
}

void FunctionTimes::add_to(std::array<FunctionStats, kCountedFunctions>& entries) const {
  for (std::size_t i = 0; i < kCountedFunctions; ++i) {
    const Cells* const cells = cells_[i].load(std::memory_order_acquire);
    if (cells == nullptr) continue;
    entries[i].waiting.add(cells->waiting);
    entries[i].running.add(cells->running);
    if (before_[i] == nullptr) continue;
    entries[i].waiting = entries[i].waiting.since(before_[i]->waiting);
    entries[i].running = entries[i].running.since(before_[i]->running);
  }
}

void FunctionTimes::reset() {
  for (std::size_t i = 0; i < kCountedFunctions; ++i) {
    const Cells* const cells = cells_[i].load(std::memory_order_acquire);
    if (cells == nullptr) continue;
    auto before = std::make_unique<Before>();
    before->waiting.add(cells->waiting);
    before->running.add(cells->running);
    before_[i] = std::move(before);
  }
}

std::vector<FunctionStats> name_those_that_ran(std::array<FunctionStats, kCountedFunctions>&& entries) {
  const auto types = TaskRegistry::all();
  std::vector<FunctionStats> named;
  for (std::size_t i = 0; i < kCountedFunctions; ++i) {
    FunctionStats& entry = entries[i];
    if (entry.completed + entry.failed == 0) continue;
    const bool shared = i == kCountedFunctions - 1 && types.size() > kCountedFunctions;
    entry.name = shared || i >= types.size() ? std::string("(others)") : std::string(types[i]->name);
    named.push_back(std::move(entry));
  }
  return named;
}

}  // namespace twinpool::threads
