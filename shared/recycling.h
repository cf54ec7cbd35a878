// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

#include "shared/options.h"

namespace twinpool {

/// When one worker has done enough and has to be replaced by a fresh one. Pure.
///
/// Each worker's limits are drawn once: limit * (1 - jitter * random), so workers that started together do not
/// leave together. A limit of 0 stays "never"; any other stays at least 1 task, 1 ms, 1 byte.
class Recycling {
 public:
  /// Takes: validated options; a random number from 0 to 1, drawn anew for each worker.
  Recycling(const RecyclingOptions& options, double random);
  /// Never.
  Recycling() = default;

  /// Whether there is any limit: false for the default options, so that nobody has to count.
  [[nodiscard]] bool any() const { return max_tasks_ != 0 || max_age_.count() != 0 || max_uss_bytes_ != 0; }
  /// Takes: what the worker has done and is; 0 for a number that is not known or not looked at.
  [[nodiscard]] bool due(std::uint64_t tasks, std::chrono::nanoseconds age, std::size_t uss_bytes = 0) const;

  [[nodiscard]] std::uint64_t max_tasks() const { return max_tasks_; }
  [[nodiscard]] std::chrono::milliseconds max_age() const { return max_age_; }
  [[nodiscard]] std::size_t max_uss_bytes() const { return max_uss_bytes_; }

 private:
  std::uint64_t max_tasks_ = 0;
  std::chrono::milliseconds max_age_{0};
  std::size_t max_uss_bytes_ = 0;
};

}  // namespace twinpool
