// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string_view>
#include <utility>

#include "bench/trace/traced_task.h"
#include "bench/workload.h"
#include "bench/workloads/flow.h"
#include "shared/pool.h"

namespace twinpool::bench {

/// The one copy of a task's machine code. Each twin would else inline the function into its own code, and
/// where the linker happens to put the two decides a tight loop by tens of per cent: a difference of the
/// build and not of the twins.
template <auto Fn, typename F = decltype(Fn)>
struct OneCopy;
template <auto Fn, typename R, typename... P>
struct OneCopy<Fn, R (*)(P...)> {
  [[gnu::noinline]] static R run(P... arguments) { return Fn(std::forward<P>(arguments)...); }
};

/// The way of a workload's tasks into the pool: plainly, or each with the priority that the user asked for,
/// or traced.
///
/// Without a priority a task is handed over as most programs do it, since a `with` has a cost of its own.
class Intake {
 public:
  Intake(Pool& pool, const FlowOptions& options)
      : pool_(pool),
        prioritized_(options.priority.has_value()),
        trace_(options.trace),
        // All workloads that are a function share one task; their slices are to have the workload's name.
        title_(options.workload != nullptr && options.workload->task != nullptr ? options.workload->name
                                                                                : "") {
    options_.priority = options.priority.value_or(0);
  }

  template <auto Fn, typename... Args>
  Future<ResultOf<Fn>> submit(Args&&... args) {
    if (trace_ != nullptr) {
      const SubmissionSpan span(*trace_, title_.empty() ? short_name(detail::function_name<Fn>()) : title_);
      if (span.number()) return hand_over<Traced<Fn>::run>(*span.number(), std::forward<Args>(args)...);
    }
    return hand_over<OneCopy<Fn>::run>(std::forward<Args>(args)...);
  }

 private:
  template <auto Fn, typename... Args>
  Future<ResultOf<Fn>> hand_over(Args&&... args) {
    if (prioritized_) return pool_.submit<Fn>(options_, std::forward<Args>(args)...);
    return pool_.submit<Fn>(std::forward<Args>(args)...);
  }

  Pool& pool_;
  const bool prioritized_;
  SharedTrace* const trace_;
  const std::string_view title_;
  with options_;
};

}  // namespace twinpool::bench
