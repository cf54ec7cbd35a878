// SPDX-License-Identifier: Apache-2.0
#include "bench/twinpool_main.h"

#include <clocale>
#include <cstdio>
#include <exception>
#include <string_view>

#include "bench/bench_command.h"
#include "bench/cli.h"
#include "bench/diff_command.h"
#include "bench/doctor_command.h"
#include "bench/faults/fault_trial.h"
#include "bench/faults/rate_trial.h"
#include "bench/faults_command.h"
#include "bench/list_command.h"
#include "bench/plugin.h"
#include "bench/round.h"
#include "bench/status_command.h"
#include "bench/trace/trace_trial.h"
#include "bench/trial.h"

namespace twinpool::bench {

int twinpool_main(int argc, char** argv, const WorkloadTable* own) {
  try {
    add_linked_workloads(own);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "twinpool: the workloads of this program cannot be used: %s\n", error.what());
    return kExitUsage;
  }
  static constexpr TrialKind kTrials[] = {kRoundTrial, kMemoryTrial, kTraceTrial, kFaultTrial, kRateTrial, kLoadTrial};
  if (argc > 1 && argv[1] == kTrialCommand) return trial_main(kTrials, argc, argv);
  std::setlocale(LC_CTYPE, "");  // only to learn whether the terminal reads UTF-8; numbers keep their point
  const Command commands[] = {kBenchCommand, kFaultsCommand, kDiffCommand,
                              kListCommand,  kDoctorCommand, kStatusCommand};
  return run_cli(commands, argc, argv);
}

}  // namespace twinpool::bench
