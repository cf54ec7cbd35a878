// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

namespace twinpool::bench::life {

/// Where TrialPage::marks counts every block that this program and its forks ask the heap for, while a trial runs.
inline constexpr std::size_t kAllocations = 15;

}  // namespace twinpool::bench::life
