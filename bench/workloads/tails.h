// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

namespace twinpool::bench {

/// The suite whose cells are open loops: calm, and with a crash a second.
inline constexpr std::string_view kTailsSuite = "tails";

}  // namespace twinpool::bench
