// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <stdexcept>
#include <string>

#include "bench/results.h"

namespace twinpool::bench {

/// Hears how a run goes on; called between rounds, never during one.
class Progress {
 public:
  virtual ~Progress() = default;
  virtual void control(const BenchResults& results) = 0;
  virtual void cell_begins(const BenchResults& results) = 0;
  /// After each pair of `results.cells.back()`.
  virtual void pair_done(const BenchResults& results, std::size_t pair) = 0;
  virtual void cell_done(const BenchResults& results) = 0;
  virtual void finished() = 0;
};

/// A pool could not even be started here; the sentence says why.
struct UnfitMachine : std::runtime_error {
  using std::runtime_error::runtime_error;
};

class ChromeTrace;

struct RunnerOptions {
  std::string program = "/proc/self/exe";  ///< must know the trial kinds "round", "memory" and "trace"
  ChromeTrace* trace = nullptr;            ///< gets one traced trial of each backend of each cell
  /// What an interrupted run of the same plan measured: its cells first, in the plan's order; see resume.h.
  std::optional<BenchResults> earlier = {};
};

/// Runs a plan: for each cell a calibration, a memory trial of each backend, a traced one where asked for, and
/// the pairs; a control before and after all.
///
/// Gives:   what was measured; partial when an Interrupt that lives meanwhile got a signal. Trials that crash
/// are counted in
///          their cell and the run goes on.
/// Errors:  UnfitMachine, std::system_error when no process can be started.
/// Threads: as for Trial: this program has one thread.
BenchResults run_plan(const Plan& plan, Progress& progress, const RunnerOptions& options = {});

}  // namespace twinpool::bench
