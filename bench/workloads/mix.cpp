// SPDX-License-Identifier: Apache-2.0
#include "bench/workloads/mix.h"

#include <algorithm>
#include <cstring>

namespace twinpool::bench {

std::vector<std::byte> make_payload(std::uint64_t seed, std::uint64_t bytes) {
  std::vector<std::byte> payload(bytes);
  MixSequence numbers(seed);
  for (std::size_t at = 0; at < payload.size(); at += sizeof(std::uint64_t)) {
    const std::uint64_t number = numbers();
    std::memcpy(payload.data() + at, &number, std::min(sizeof number, payload.size() - at));
  }
  return payload;
}

std::uint64_t hash_bytes(std::span<const std::byte> bytes) {
  std::uint64_t hash = 0xcbf29ce484222325;
  for (const std::byte byte : bytes) hash = (hash ^ std::to_integer<std::uint64_t>(byte)) * 0x100000001b3;
  return hash;
}

}  // namespace twinpool::bench
