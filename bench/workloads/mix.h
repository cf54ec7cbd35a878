// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace twinpool::bench {

/// Source: the finaliser of splitmix64 (Steele, Lea, Flood, "Fast splittable pseudorandom number generators",
/// 2014).
constexpr std::uint64_t mix(std::uint64_t x) {
  x += 0x9e3779b97f4a7c15;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

/// A std::uniform_random_bit_generator that gives the same numbers with every compiler and library.
class MixSequence {
 public:
  using result_type = std::uint64_t;
  explicit constexpr MixSequence(std::uint64_t seed) : state_(seed) {}
  static constexpr result_type min() { return 0; }
  static constexpr result_type max() { return UINT64_MAX; }
  constexpr result_type operator()() { return mix(state_++ * 0x2545f4914f6cdd1d); }
  /// A number below `limit`; the bias is below limit / 2^64.
  constexpr std::uint64_t below(std::uint64_t limit) { return (*this)() % limit; }

 private:
  std::uint64_t state_;
};

/// `bytes` bytes that depend on the seed alone.
std::vector<std::byte> make_payload(std::uint64_t seed, std::uint64_t bytes);
/// FNV-1a.
std::uint64_t hash_bytes(std::span<const std::byte> bytes);

}  // namespace twinpool::bench
