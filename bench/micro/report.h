// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>

#include "bench/micro/goals.h"
#include "bench/micro/rounds.h"

namespace twinpool::bench::micro {

/// The measured times: medians over the rounds, each with the quartiles of the rounds.
std::string describe_times(const Measurements& measurements);

/// The goals and what was reached, each with the 95 % interval of the median.
std::string describe_goals(std::span<const Goal> goals);

}  // namespace twinpool::bench::micro
