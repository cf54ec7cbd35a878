// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "shared/stats.h"

namespace twinpool {

/// A pool's numbers as OpenMetrics 1.0 text, which Prometheus and others scrape; whoever has an HTTP server hands
/// it out as `application/openmetrics-text; version=1.0.0; charset=utf-8`.
///
/// Metric families begin with "twinpool_"; every sample has the label `pool`. Counters end in `_total`, durations
/// are seconds, memory bytes. Distributions are summaries with the quantiles 0.5, 0.9, 0.99, 0.999 and 1, and a
/// count: of sampled tasks (PoolOptions::timing), since the last reset_latency; a sum is not kept. Workers have the
/// labels `worker` (the number), functions `function`.
/// For several pools on one page, merge their stats first or scrape them apart: a family may appear only once.
///
/// Takes: `pool_name`: any bytes; what is no UTF-8 is replaced by '?'.
/// Gives: the whole page, ended by "# EOF".
/// Source: github.com/OpenObservability/OpenMetrics, specification 1.0.0.
[[nodiscard]] std::string open_metrics(const PoolStats& stats, std::string_view pool_name);

}  // namespace twinpool
