// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "bench/runner.h"

namespace twinpool::bench {

enum class ProgressKind {
  kNone,
  kLines,   ///< a line for each finished cell
  kRedrawn  ///< one line, drawn anew between rounds
};

/// Tells on standard error how the run goes on.
[[nodiscard]] std::unique_ptr<Progress> make_progress(ProgressKind kind);

}  // namespace twinpool::bench
