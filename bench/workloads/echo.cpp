// SPDX-License-Identifier: Apache-2.0
#include "bench/workloads/echo.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <vector>

#include "bench/workloads/typed_flow.h"

namespace twinpool::bench {
namespace {

using Bytes = std::vector<std::byte>;
constexpr std::size_t kVariants = 2;

Bytes echo(Bytes payload) { return payload; }

class Echo {
 public:
  using Result = Bytes;
  Echo(Pool&, const FlowOptions& options) {
    for (std::size_t v = 0; v < kVariants; ++v)
      payloads_[v] = make_payload(options.seed + v, options.payload_bytes);
  }
  Future<Result> submit(Intake& pool, std::uint64_t number) {
    return pool.submit<echo>(payloads_[number % kVariants]);
  }
  [[nodiscard]] bool right(std::uint64_t number, const Result& result) const {
    return result == payloads_[number % kVariants];
  }
  /// right() has compared every byte, so a few are enough here.
  static std::uint64_t digest(const Result& result) {
    std::uint64_t word = 0;
    if (!result.empty()) std::memcpy(&word, result.data(), std::min(sizeof word, result.size()));
    return word ^ mix(result.size());
  }

 private:
  std::array<Bytes, kVariants> payloads_;
};

}  // namespace

constinit const Workload kEcho{
    .name = "echo",
    .family = "payload",
    .sentence = "gives its payload back, compared bit for bit",
    .exercises = "the way of a payload there and back",
    .why = "threads pass a pointer where processes copy into shared memory and out again",
    .payload = "bytes there and back with each task",
    .default_payload_bytes = 64 * 1024,
    .payload_crosses = 2,
    .expected = Expected::kThreads,
    .margin = 0.1,
    .open = &make_flow<Echo>};

}  // namespace twinpool::bench
