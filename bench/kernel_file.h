// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <optional>
#include <string>

namespace twinpool::bench {

/// Reads a file of /proc or /sys as a whole.
///
/// Gives: nothing when it is not there or cannot be read, also when its process ends between open and read
///        (ESRCH), which an istreambuf_iterator answers with an exception.
[[nodiscard]] std::optional<std::string> read_kernel_file(const std::filesystem::path& file);

}  // namespace twinpool::bench
