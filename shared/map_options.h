// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>

#include "shared/options.h"

namespace twinpool {

/// How `map` goes about it.
struct MapOptions {
  /// Elements a task. 0: chosen, so that a task runs for about a millisecond (detail::ChunkSizer has the
  /// rule).
  std::size_t chunk = 0;
  /// Results in the order of the range; false: as tasks are done.
  bool ordered = true;
  /// Tasks whose results have not begun to be given. No more of the range is read than these take. 0: four a
  /// worker.
  std::size_t look_ahead = 0;
  /// What each task is submitted with. Limits are those of a whole chunk.
  with task = {};
  /// How long to try again where the pool is full and none of the tasks in it is this map's.
  std::chrono::milliseconds block_limit{10'000};
};

}  // namespace twinpool
