// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "shared/options.h"

namespace twinpool::processes {

/// What supervisor and workers need to know of PoolOptions. It travels in the message that opens a pool, so it
/// holds values only; functions as their addresses, which are the same in every fork of the program.
struct WorkerOptions {
  std::string name;
  Affinity affinity = Affinity::kNone;
  std::vector<int> affinity_cpus;
  RecyclingOptions recycling;
  std::chrono::milliseconds idle_timeout{0};
  std::uint64_t set_up = 0;  ///< a WorkerFunction, or 0
  std::uint64_t tear_down = 0;
  bool tells_events = false;
  ProcessOptions processes;
};

[[nodiscard]] WorkerOptions worker_options_of(const PoolOptions& options);

[[nodiscard]] std::vector<std::byte> encode_worker_options(const WorkerOptions& options);
/// Errors: throws DecodeError when the bytes are no such options.
[[nodiscard]] WorkerOptions decode_worker_options(std::span<const std::byte> bytes);

}  // namespace twinpool::processes
