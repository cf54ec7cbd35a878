// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

namespace twinpool::bench {

/// Gives:  zeroed memory that this process and all that are forked from it later share; it stays mapped until
///         the end of the process.
/// Errors: std::system_error.
[[nodiscard]] void* map_shared(std::size_t bytes);

}  // namespace twinpool::bench
