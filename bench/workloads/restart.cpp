// SPDX-License-Identifier: Apache-2.0
#include <vector>

#include "bench/workloads/catalogue.h"
#include "bench/workloads/mix.h"
#include "shared/options.h"

namespace twinpool::bench {
namespace {

constexpr Parameter kParameters[] = {
    {"megabytes", "memory of the program beside the pool, in MiB", 32, 0, 16'384}};

std::vector<unsigned char> beside;
void set_up(const Settings& settings) { beside.assign(settings["megabytes"] << 20, 1); }
void shape(PoolOptions& options, const Settings&) {
  options.recycling.max_tasks = 1;
  options.recycling.jitter = 0;
}

}  // namespace

constinit const Workload kRestart{.name = "restart",
                                  .family = "life",
                                  .sentence = "is the only task of its worker, which is then replaced",
                                  .exercises = "how fast a worker is replaced",
                                  .why = "a fork copies the page tables of all that the program holds",
                                  .parameters = kParameters,
                                  .expected = Expected::kThreads,
                                  .margin = 0.1,
                                  .set_up = &set_up,
                                  .shape = &shape,
                                  .task = &mix,
                                  .answer = &mix};

}  // namespace twinpool::bench
