// SPDX-License-Identifier: Apache-2.0
#include <clocale>
#include <string_view>

#include "bench/bench_command.h"
#include "bench/cli.h"
#include "bench/diff_command.h"
#include "bench/doctor_command.h"
#include "bench/faults/fault_trial.h"
#include "bench/faults_command.h"
#include "bench/list_command.h"
#include "bench/round.h"
#include "bench/status_command.h"
#include "bench/trial.h"

int main(int argc, char** argv) {
  using namespace twinpool::bench;
  static constexpr TrialKind kTrials[] = {kRoundTrial, kMemoryTrial, kFaultTrial};
  if (argc > 1 && argv[1] == kTrialCommand) return trial_main(kTrials, argc, argv);
  std::setlocale(LC_CTYPE, "");  // only to learn whether the terminal reads UTF-8; numbers keep their point
  const Command commands[] = {kBenchCommand, kFaultsCommand, kDiffCommand, kListCommand, kDoctorCommand, kStatusCommand};
  return run_cli(commands, argc, argv);
}
