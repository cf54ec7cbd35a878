// SPDX-License-Identifier: Apache-2.0
#include "shared/recycling.h"

#include <algorithm>

namespace twinpool {
namespace {

/// Takes away a share and not more, so a limit above 2^53 keeps its low bits when nothing is taken away.
std::uint64_t shorten(std::uint64_t limit, double share) {
  if (limit == 0) return 0;
  const double away = static_cast<double>(limit) * std::clamp(share, 0.0, 1.0);
  // The conversion back is undefined for 2^64, which the largest limits are rounded up to.
  if (away >= static_cast<double>(limit)) return 1;
  return std::max<std::uint64_t>(limit - static_cast<std::uint64_t>(away), 1);
}

}  // namespace

Recycling::Recycling(const RecyclingOptions& options, double random)
    : max_tasks_(shorten(options.max_tasks, options.jitter * random)),
      max_age_(static_cast<std::chrono::milliseconds::rep>(
          shorten(static_cast<std::uint64_t>(options.max_age.count()), options.jitter * random))),
      max_uss_bytes_(shorten(options.max_uss_bytes, options.jitter * random)) {}

bool Recycling::due(std::uint64_t tasks, std::chrono::nanoseconds age, std::size_t uss_bytes) const {
  return (max_tasks_ != 0 && tasks >= max_tasks_) || (max_age_.count() != 0 && age >= max_age_) ||
         (max_uss_bytes_ != 0 && uss_bytes > max_uss_bytes_);
}

}  // namespace twinpool
