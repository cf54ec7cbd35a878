// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <vector>

/// The ordinary tasks among which a fault strikes.
namespace twinpool::bench {

/// One piece of work: count the primes in [first, first + span).
struct LoadTask {
  std::uint64_t first = 0;
  std::uint64_t expected = 0;
};

/// Gives: the number of primes in [first, first + span), by trial division: CPU work and nothing else.
std::uint64_t count_primes(std::uint64_t first, std::uint64_t span);

/// Gives: pieces whose right answers were found in another way (a segmented sieve), cheap enough to ask for
///        in each trial. The same seed gives the same pieces.
std::vector<LoadTask> make_load(std::uint64_t seed, std::uint64_t span);

/// Gives: the span that keeps one CPU of this machine busy for about `target`.
std::uint64_t calibrate_span(std::chrono::nanoseconds target);

}  // namespace twinpool::bench
