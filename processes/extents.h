// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <utility>

#include "processes/segment.h"

namespace twinpool::processes {

/// A piece of the payload. Of no bytes: none.
struct Extent {
  std::uint64_t offset = 0;
  std::uint64_t bytes = 0;
  [[nodiscard]] bool empty() const { return bytes == 0; }
};

/// Who has which piece of the payload: the owner's books, kept in the owner's private memory.
///
/// Boost.Interprocess's allocators keep their books inside the memory they hand out, where a worker's stray
/// write could reach them; these cannot be reached, and no lock of theirs can be died with. Best fit,
/// neighbours merged; the lowest of equally good pieces first, so memory that was used before is used again
/// while it is warm (a cold page costs 10 to 48 times the copy into it). Threads: safe.
class Extents {
 public:
  explicit Extents(const Segment& segment);

  /// A piece of at least `bytes` bytes, aligned to kBufferAlignment, backed by real memory.
  ///
  /// Gives: none when no piece is large enough, or the machine has no memory left.
  [[nodiscard]] std::optional<Extent> allocate(std::uint64_t bytes);
  /// Gives a piece back. An empty one is nothing.
  void release(Extent extent);
  /// Bytes handed out now.
  [[nodiscard]] std::uint64_t in_use() const;
  /// The most that could ever be handed out at once.
  [[nodiscard]] std::uint64_t capacity() const { return capacity_; }

 private:
  void insert_free(std::uint64_t offset, std::uint64_t bytes);

  const Segment& segment_;
  const std::uint64_t capacity_;
  mutable std::mutex mutex_;
  // Guarded by mutex_.
  std::map<std::uint64_t, std::uint64_t> free_by_offset_;
  std::set<std::pair<std::uint64_t, std::uint64_t>> free_by_size_;  // (bytes, offset)
  std::uint64_t reserved_ = 0;                                      // payload below this has real memory
  std::uint64_t in_use_ = 0;
};

}  // namespace twinpool::processes
