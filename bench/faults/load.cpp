// SPDX-License-Identifier: Apache-2.0
#include "bench/faults/load.h"

#include <algorithm>
#include <random>

#include "shared/future.h"

namespace twinpool::bench {
namespace {

constexpr std::uint64_t kLowest = 1'000'000;
constexpr std::uint64_t kHighest = 2'000'000;
constexpr int kPieces = 16;

bool is_prime(std::uint64_t n) {
  if (n < 2 || n % 2 == 0) return n == 2;
  for (std::uint64_t divisor = 3; divisor * divisor <= n; divisor += 2) {
    if (n % divisor == 0) return false;
  }
  return true;
}

std::uint64_t sieve_primes(std::uint64_t first, std::uint64_t span) {
  std::vector<bool> composite(span);
  for (std::uint64_t factor = 2; factor * factor < first + span; ++factor) {
    const std::uint64_t begin = std::max(factor * factor, (first + factor - 1) / factor * factor);
    for (std::uint64_t multiple = begin; multiple < first + span; multiple += factor) {
      composite[multiple - first] = true;
    }
  }
  return static_cast<std::uint64_t>(std::count(composite.begin(), composite.end(), false));
}

}  // namespace

std::uint64_t count_primes(std::uint64_t first, std::uint64_t span) {
  std::uint64_t count = 0;
  for (std::uint64_t n = first; n < first + span; ++n) count += is_prime(n) ? 1 : 0;
  return count;
}

std::vector<LoadTask> make_load(std::uint64_t seed, std::uint64_t span) {
  std::mt19937_64 random(seed);
  std::vector<LoadTask> pieces;
  for (int i = 0; i < kPieces; ++i) {
    const std::uint64_t first = kLowest + random() % (kHighest - kLowest);
    pieces.push_back({first, sieve_primes(first, span)});
  }
  return pieces;
}

std::uint64_t calibrate_span(std::chrono::nanoseconds target) {
  constexpr std::uint64_t kProbe = 500;
  // The fastest of a few: whoever else used the CPU only ever adds time.
  auto fastest = std::chrono::nanoseconds::max();
  for (int i = 0; i < 5; ++i) {
    const auto begin = Clock::now();
    // Kept, or the compiler would leave the work out.
    [[maybe_unused]] volatile const std::uint64_t count = count_primes((kLowest + kHighest) / 2, kProbe);
    fastest = std::min<std::chrono::nanoseconds>(fastest, Clock::now() - begin);
  }
  const auto spans =
      target.count() * static_cast<std::int64_t>(kProbe) / std::max<std::int64_t>(fastest.count(), 1);
  return std::clamp<std::uint64_t>(static_cast<std::uint64_t>(spans), 10, 100'000);
}

}  // namespace twinpool::bench
