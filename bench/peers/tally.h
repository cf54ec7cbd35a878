// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace twinpool::bench::peers {

/// Counts tasks that have run, in memory that all processes forked later share.
///
/// Each thread or process that counts has a cache line of its own, so that counting costs all contestants the
/// same and little. Threads: count from any, also of a forked process; sum from any.
class Tally {
 public:
  /// The one of this program. Errors: std::system_error, at the first call, which is to come before any fork.
  static Tally& instance();

  void count() noexcept {
    std::atomic<std::uint64_t>& mine = line().number;
    mine.store(mine.load(std::memory_order_relaxed) + 1, std::memory_order_release);
  }
  [[nodiscard]] std::uint64_t sum() const noexcept;

 private:
  struct alignas(64) Line {
    std::atomic<std::uint64_t> number;
  };
  static constexpr std::size_t kLines = 4096;

  [[nodiscard]] Line& line() noexcept;

  std::atomic<std::size_t> taken_;
  std::array<Line, kLines> lines_;
};

}  // namespace twinpool::bench::peers
