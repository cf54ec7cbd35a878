// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <utility>

#include "shared/pool.h"

namespace twinpool::bench {

/// The way of a workload's tasks into the pool: plainly, or each with the priority that the user asked for.
///
/// Without one a task is handed over as most programs do it, since a `with` has a cost of its own.
class Intake {
 public:
  Intake(Pool& pool, std::optional<int> priority) : pool_(pool), prioritized_(priority.has_value()) {
    options_.priority = priority.value_or(0);
  }

  template <auto Fn, typename... Args>
  Future<ResultOf<Fn>> submit(Args&&... args) {
    if (prioritized_) return pool_.submit<Fn>(options_, std::forward<Args>(args)...);
    return pool_.submit<Fn>(std::forward<Args>(args)...);
  }

 private:
  Pool& pool_;
  const bool prioritized_;
  with options_;
};

}  // namespace twinpool::bench
