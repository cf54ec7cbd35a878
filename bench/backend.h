// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "shared/pool.h"

/// The two twins by name. The one place of the product that knows both.
namespace twinpool::bench {

enum class Backend { kThreads, kProcesses };

inline constexpr std::array kBackends{Backend::kThreads, Backend::kProcesses};

/// "threads" or "processes", as flags, tables and JSON say it.
[[nodiscard]] std::string_view name_of(Backend backend);
/// One sentence for `twinpool list`.
[[nodiscard]] std::string_view sentence_of(Backend backend);
[[nodiscard]] std::optional<Backend> parse_backend(std::string_view name);
/// The names in the order of kBackends, for suggestions.
[[nodiscard]] std::vector<std::string> backend_names();

/// Gives:   a running pool of that twin.
/// Errors:  std::invalid_argument for options out of range, std::system_error or std::runtime_error with one
/// sentence when the
///          system refuses; nothing is left of the pool then.
/// Threads: for the process twin, call it while the program has one thread.
[[nodiscard]] std::unique_ptr<Pool> make_pool(Backend backend, const PoolOptions& options);

}  // namespace twinpool::bench
