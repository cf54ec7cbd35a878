// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "shared/options.h"

/// The strategies of shared/strategy.h as `twinpool bench` and `twinpool list` name them.
namespace twinpool::bench {

/// All that have a name and a rule: every one but a program's own function.
[[nodiscard]] std::vector<Strategy> listed_strategies();
[[nodiscard]] std::vector<std::string> strategy_names();
/// One sentence for `twinpool list`: who gets the next task.
[[nodiscard]] std::string_view sentence_of(Strategy strategy);
/// Errors: UsageError that suggests the nearest name.
[[nodiscard]] Strategy read_strategy(const std::string& name);
/// What a pool of `workers` is made with. Where the strategy looks at weights, worker 0 weighs 1, worker 1
/// weighs 2, and so on.
[[nodiscard]] DispatchOptions dispatch_by(Strategy strategy, bool stealing, int workers);

}  // namespace twinpool::bench
