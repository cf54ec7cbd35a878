// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>

/// What a workload of `twinpool bench` is, for the built-in ones and for a user's own alike.
///
/// One's own is a function and a description, registered with TWINPOOL_WORKLOADS, in a shared library for
/// `twinpool bench --load ./libmine.so` or in a program that links twinpool::main.
namespace twinpool {
class Pool;
struct PoolOptions;
}  // namespace twinpool

namespace twinpool::bench {

class Flow;
struct FlowOptions;

/// Rises whenever a struct of this header changes; a library built against another one is refused.
inline constexpr std::uint32_t kWorkloadAbi = 1;

/// Which twin a workload is expected to favour, declared before anything is measured.
enum class Expected { kNoDifference, kThreads, kProcesses };
[[nodiscard]] std::string_view name_of(Expected expected);

/// A whole number that `--param NAME=VALUE` sets.
struct Parameter {
  std::string_view name;
  std::string_view sentence;
  std::uint64_t value = 0;  ///< without --param
  std::uint64_t least = 0;
  std::uint64_t most = UINT64_MAX;
};

/// The numbers that one cell runs with: the same in both twins.
struct Settings {
  std::uint64_t seed = 42;
  std::uint64_t payload_bytes = 0;
  int workers = 1;
  std::span<const Parameter> parameters = {};
  std::span<const std::uint64_t> values = {};  ///< one a parameter; none: the values declared

  /// Errors: std::out_of_range when the workload has no parameter of that name.
  [[nodiscard]] std::uint64_t operator[](std::string_view name) const {
    for (std::size_t i = 0; i < parameters.size(); ++i) {
      if (parameters[i].name == name) return i < values.size() ? values[i] : parameters[i].value;
    }
    throw std::out_of_range("the workload has no parameter '" + std::string(name) + "'");
  }
};

/// One thing that the bench can make a pool do.
struct Workload {
  std::string_view name;
  std::string_view family = "own";
  std::string_view sentence;      ///< what a task does
  std::string_view exercises;     ///< what part of a pool or of the system it shows
  std::string_view why = {};      ///< why the twin that is expected to be faster should be
  std::string_view payload = {};  ///< what --payload means here; empty: nothing
  std::uint64_t default_payload_bytes = 0;
  std::uint64_t min_payload_bytes = 0;
  std::uint64_t payload_crosses =
      0;  ///< how often the payload of a task lies in shared memory at a time (1: in, 2: in and out)
  bool payload_is_shared = false;  ///< the payload is one SharedBuffer for all tasks
  std::span<const Parameter> parameters = {};
  Expected expected = Expected::kNoDifference;
  double margin = 0.1;  ///< a ratio within 1 -+ margin counts as no difference that matters

  /// Called once in the trial's process before there is a pool, so that process workers inherit what it made
  /// as thread workers see it.
  void (*set_up)(const Settings& settings) = nullptr;
  /// Called before a pool is made, to change how it is made.
  void (*shape)(PoolOptions& options, const Settings& settings) = nullptr;

  /// What task `number` does. Its result must depend on the number and the settings alone.
  std::uint64_t (*task)(std::uint64_t number) = nullptr;
  /// The right result of task `number`; null: only the twins' checksums are compared.
  std::uint64_t (*answer)(std::uint64_t number) = nullptr;
  /// In place of `task`, for workloads with arguments and results of their own types.
  std::unique_ptr<Flow> (*open)(Pool& pool, const FlowOptions& options) = nullptr;
};

/// What a library of workloads exports under the name kWorkloadSymbol.
struct WorkloadTable {
  std::uint32_t abi = kWorkloadAbi;
  std::uint32_t workload_bytes = sizeof(Workload);
  const Workload* const* workloads = nullptr;
  std::size_t count = 0;
};
inline constexpr const char* kWorkloadSymbol = "twinpool_workloads";

}  // namespace twinpool::bench

/// Registers workloads: TWINPOOL_WORKLOADS(&kMine, &kOther). Once in a library or program, outside of any
/// namespace. The table is not const, as a const object would be invisible outside of its file.
#define TWINPOOL_WORKLOADS(...)                                                                           \
  static const ::twinpool::bench::Workload* const twinpool_registered[] = {__VA_ARGS__};                  \
  extern "C" __attribute__((visibility("default"))) ::twinpool::bench::WorkloadTable twinpool_workloads;  \
  ::twinpool::bench::WorkloadTable twinpool_workloads {                                                   \
    .workloads = twinpool_registered, .count = sizeof twinpool_registered / sizeof twinpool_registered[0] \
  }
