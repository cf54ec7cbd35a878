// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <string>

namespace twinpool {

/// "50 ms", "3 s", "1500 us": the largest unit that says it exactly.
[[nodiscard]] std::string spoken(std::chrono::nanoseconds duration);

}  // namespace twinpool
