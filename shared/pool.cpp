// SPDX-License-Identifier: Apache-2.0
#include "shared/pool.h"

namespace twinpool {

std::string_view name_of(SubmitError error) {
  switch (error) {
    case SubmitError::kQueueFull:
      return "queue_full";
    case SubmitError::kClosed:
      return "closed";
    case SubmitError::kTooLarge:
      return "too_large";
    case SubmitError::kOutOfMemory:
      return "out_of_memory";
    case SubmitError::kDegraded:
      return "degraded";
    case SubmitError::kNested:
      return "nested";
    case SubmitError::kUnknownTask:
      return "unknown_task";
    case SubmitError::kForeignBuffer:
      return "foreign_buffer";
  }
  return "unknown";
}

std::string_view sentence_of(SubmitError error) {
  switch (error) {
    case SubmitError::kQueueFull:
      return "queue_full: as many tasks are unsettled as workers and queue_capacity allow; take results "
             "first, or use "
             "WhenFull::kBlock";
    case SubmitError::kClosed:
      return "closed: the pool was drained or stopped and takes no more tasks";
    case SubmitError::kTooLarge:
      return "too_large: the arguments need more shared memory than max_shared_bytes allows";
    case SubmitError::kOutOfMemory:
      return "out_of_memory: no shared memory is free for the arguments; take results, or raise "
             "max_shared_bytes";
    case SubmitError::kDegraded:
      return "degraded: workers keep dying as soon as they start and none is left; see stats().workers for "
             "the last "
             "deaths";
    case SubmitError::kNested:
      return "nested: a task in a worker process cannot submit to a pool of its parent; return the work to "
             "the caller";
    case SubmitError::kUnknownTask:
      return "unknown_task: the function was loaded after the workers were forked; load it before making the "
             "pool";
    case SubmitError::kForeignBuffer:
      return "foreign_buffer: a SharedBuffer argument was made by another pool";
  }
  return "unknown";
}

}  // namespace twinpool
