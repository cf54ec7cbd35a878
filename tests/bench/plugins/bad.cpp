// SPDX-License-Identifier: Apache-2.0
// Libraries that cannot be used, each for one reason.
#include <csignal>

#include "bench/workload.h"

namespace bench = twinpool::bench;

[[maybe_unused]] static std::uint64_t same(std::uint64_t number) { return number; }
[[maybe_unused]] static std::uint64_t crash(std::uint64_t number) {
  if (number % 2 == 1) raise(SIGSEGV);
  return number;
}

#if defined(TAKEN_NAME)
static constexpr bench::Workload kNoop{.name = "noop", .sentence = "-", .exercises = "-", .task = &same};
TWINPOOL_WORKLOADS(&kNoop);
#elif defined(OTHER_ABI)
extern "C" bench::WorkloadTable twinpool_workloads;
bench::WorkloadTable twinpool_workloads{.abi = bench::kWorkloadAbi + 1};
#elif defined(CRASHES_WHILE_LOADED)
static const int raised = raise(SIGSEGV);
#elif defined(CRASHING_SET_UP)
static void set_up(const bench::Settings&) { raise(SIGSEGV); }
static constexpr bench::Workload kSetUp{
    .name = "crashing-set-up", .sentence = "-", .exercises = "-", .set_up = &set_up, .task = &same};
static constexpr bench::Workload kCrash{
    .name = "crashing-task", .sentence = "-", .exercises = "-", .task = &crash};
TWINPOOL_WORKLOADS(&kSetUp, &kCrash);
#endif
