// SPDX-License-Identifier: Apache-2.0
#include "bench/life/trials.h"

#include <chrono>
#include <stdexcept>

namespace twinpool::bench::life {

PoolOptions options_of(int workers) {
  PoolOptions options;
  options.workers = workers;
  return options;
}

Samples run_trial(const std::string& kind, const nlohmann::json& spec,
                  const std::function<void(Trial&)>& at_mark) {
  TrialOptions options;
  options.limit = std::chrono::minutes(5);  // on a busy machine a GiB takes its time
  Trial trial(kind, spec, options);
  while (trial.wait_for_mark()) {
    at_mark(trial);
    trial.resume();
  }
  const TrialEnd& end = trial.finish();
  const nlohmann::json result = trial.result();
  if (!end.clean() || !result.is_object()) {
    const std::string why = result.is_object() && result.contains("error") ? result["error"].get<std::string>()
                                                                          : describe(end);
    throw std::runtime_error("trial '" + kind + "' " + spec.dump() + ": " + why);
  }
  return result.get<Samples>();
}

}  // namespace twinpool::bench::life
