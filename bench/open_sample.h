// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <vector>

#include "bench/latency_spectrum.h"

namespace twinpool::bench {

/// The closed loop that is run beside a stalled open loop: as many tasks in flight as there are workers, each
/// submitted when the one before has its result.
struct ClosedBeside {
  std::uint64_t tasks = 0;
  double wall_s = 0;
  LatencySpectrum latency;  ///< submitted until settled, as closed loops see it
};

/// A tenth of the time of a round whose rate rises.
struct RampStep {
  double offered_tasks_per_s = 0;  ///< by the course of the rate, on average
  std::uint64_t offered = 0;       ///< tasks that were due in it
  std::uint64_t done = 0;          ///< tasks, whenever due, that had their result in it
  LatencySpectrum latency;  ///< of those that were due in it and gave a result: from the intended start
};
inline constexpr std::size_t kRampSteps = 10;
/// The average rate of a step, in whatever unit those at the begin and the end of the ramp are.
[[nodiscard]] constexpr double rate_of_step(double begin, double end, std::size_t step) {
  return begin + (end - begin) * (static_cast<double>(step) + 0.5) / static_cast<double>(kRampSteps);
}

/// What the open loop of one trial showed, beside what every sample has.
struct OpenSample {
  double offered_tasks_per_s = 0;
  std::uint64_t offered = 0;    ///< tasks of the schedule; Sample::tasks are those that gave a result in time
  std::uint64_t cancelled = 0;  ///< of those submitted, when the round's patience was over
  std::uint64_t refused = 0;    ///< submissions that found the queue full; each waited, and the wait counts
  LatencySpectrum latency;      ///< *intended* start until settled
  LatencySpectrum service;      ///< submitted until settled
  double late_p99_s = 0;        ///< how late the generator itself submitted, refusals left out
  double late_max_s = 0;
  int stalls = 0;
  int held = 0;                ///< workers held up, over all stalls
  int crashes = 0;             ///< tasks that crashed on purpose
  int restarts = 0;            ///< of the whole program, after a crash that it did not survive
  std::uint64_t repeated = 0;  ///< tasks that were in flight then, and were submitted again
  std::optional<ClosedBeside> closed = {};
  std::vector<RampStep> ramp = {};  ///< kRampSteps, upwards; empty where the rate stays as it is
};

/// A backend that delivers less of what is offered has not kept up.
inline constexpr double kKeepsUp = 0.99;

void to_json(nlohmann::json& json, const RampStep& step);
void from_json(const nlohmann::json& json, RampStep& step);
void to_json(nlohmann::json& json, const OpenSample& sample);
void from_json(const nlohmann::json& json, OpenSample& sample);

}  // namespace twinpool::bench
