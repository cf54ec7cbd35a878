// SPDX-License-Identifier: Apache-2.0
#include "bench/workloads/registry.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <stdexcept>

#include "bench/workloads/catalogue.h"
#include "bench/workloads/echo.h"
#include "bench/workloads/kernel.h"
#include "bench/workloads/noop.h"
#include "bench/workloads/primes.h"
#include "bench/workloads/sha256.h"
#include "bench/workloads/shared_sum.h"
#include "bench/workloads/sort.h"
#include "bench/workloads/tails.h"
#include "bench/workloads/wordcount.h"

namespace twinpool::bench {
namespace {

/// How many of the first workloads are the default suite: about a minute.
constexpr std::size_t kDefaultSuite = 7;
/// One of each family that resolves within few rounds.
constexpr std::array<std::string_view, 10> kQuickSuite{
    "primes",        "noop",           "echo",           "mmap-churn", "alloc-mix",
    "false-sharing", "lib-shared-ptr", "read-only-data", "ping-pong",  "cold-start"};

std::vector<Workload>& all() {
  static std::vector<Workload> registered = [] {
    std::vector<Workload> built_in{
        kNoop,           kPrimes,       kSha256,      kSort,        kEcho,
        kSharedSum,      kWordcount,    kBatch,       kPingPong,    kFanOut,
        kPipeline,       kMmapChurn,    kMprotect,    kMadvise,     kAllocMix,
        kCrossFree,      kFalseSharing, kSameCounter, kLibFputc,    kLibRand,
        kLibLocaltime,   kLibSharedPtr, kLibMutex,    kLibSnprintf, kLibOstringstream,
        kMutexContended, kReadOnlyData, kCowDirty,    kLeaky,       kColdStart,
        kRestart,        kSpawnPerTask, kFileIo,      kJsonParse,   kCompress};
    for (Workload& workload : built_in) {
      if (workload.open == nullptr) workload.open = &open_kernel;
    }
    return built_in;
  }();
  return registered;
}

void check(const Workload& workload, const std::vector<Workload>& known) {
  if (workload.name.empty()) throw std::invalid_argument("a workload has no name");
  if (std::any_of(known.begin(), known.end(), [&](const Workload& k) { return k.name == workload.name; })) {
    throw std::invalid_argument(
        fmt::format("the name of workload '{}' is taken already; give it another one", workload.name));
  }
  if (workload.task == nullptr && workload.open == nullptr) {
    throw std::invalid_argument(fmt::format("workload '{}' has no task", workload.name));
  }
  if (!(workload.margin > 0 && workload.margin < 1)) {
    throw std::invalid_argument(
        fmt::format("the margin of workload '{}' must lie between 0 and 1", workload.name));
  }
}

}  // namespace

std::string_view name_of(Expected expected) {
  switch (expected) {
    case Expected::kNoDifference:
      return "no difference";
    case Expected::kThreads:
      return "threads";
    case Expected::kProcesses:
      return "processes";
  }
  return "unknown";
}

std::span<const Workload> workloads() { return all(); }

const Workload* find_workload(std::string_view name) {
  for (const Workload& workload : workloads()) {
    if (workload.name == name) return &workload;
  }
  return nullptr;
}

std::vector<std::string> workload_names() {
  std::vector<std::string> names;
  for (const Workload& workload : workloads()) names.emplace_back(workload.name);
  return names;
}

void add_workloads(const WorkloadTable& table) {
  if (table.abi != kWorkloadAbi) {
    throw std::invalid_argument(
        fmt::format("it was built for workload interface {} and this is {}; build it again with this "
                    "twinpool's headers",
                    table.abi, kWorkloadAbi));
  }
  if (table.workload_bytes != sizeof(Workload)) {
    throw std::invalid_argument(
        fmt::format("its workloads have {} bytes and this twinpool's have {}; build it again with this "
                    "twinpool's headers",
                    table.workload_bytes, sizeof(Workload)));
  }
  std::vector<Workload> more = all();
  for (std::size_t i = 0; i < table.count; ++i) {
    check(*table.workloads[i], more);
    more.push_back(*table.workloads[i]);
    if (more.back().open == nullptr) more.back().open = &open_kernel;
  }
  all() = std::move(more);
}

std::vector<const Workload*> workloads_of_suite(std::string_view suite) {
  std::vector<const Workload*> chosen;
  const auto every = workloads();
  if (suite == kTailsSuite) {
    chosen.push_back(find_workload("sort"));  // a task long enough that its hand-over is not what waits
  } else if (suite == "quick") {
    for (const std::string_view name : kQuickSuite) chosen.push_back(find_workload(name));
  } else if (suite == "default" || suite == "full") {
    for (std::size_t i = 0; i < (suite == "full" ? every.size() : kDefaultSuite); ++i)
      chosen.push_back(&every[i]);
  }
  return chosen;
}

std::vector<std::string> suite_names() { return {"default", "quick", "full", std::string(kTailsSuite)}; }

Settings settings_of(const Workload& workload, const FlowOptions& options) {
  return {.seed = options.seed,
          .payload_bytes = options.payload_bytes,
          .workers = options.workers,
          .parameters = workload.parameters,
          .values = options.parameters};
}

}  // namespace twinpool::bench
