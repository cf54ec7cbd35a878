// SPDX-License-Identifier: Apache-2.0
#include "processes/extents.h"

#include <algorithm>
#include <iterator>
#include <new>

namespace twinpool::processes {
namespace {

constexpr std::uint64_t kGrain = 256;                           // smallest piece
constexpr std::uint64_t kReserveStep = std::uint64_t{1} << 20;  // asking the kernel for less costs as much

std::uint64_t round_up(std::uint64_t value, std::uint64_t unit) { return (value + unit - 1) / unit * unit; }

}  // namespace

Extents::Extents(const Segment& segment)
    : segment_(segment), capacity_(segment.payload().size() / kGrain * kGrain) {
  if (capacity_ > 0) insert_free(0, capacity_);
}

std::optional<Extent> Extents::allocate(std::uint64_t bytes) try {
  if (bytes > capacity_) return std::nullopt;
  const std::uint64_t wanted = round_up(std::max<std::uint64_t>(bytes, 1), kGrain);
  const std::lock_guard lock(mutex_);
  const auto fit = free_by_size_.lower_bound({wanted, 0});
  if (fit == free_by_size_.end()) return std::nullopt;
  const auto [size, offset] = *fit;
  if (const std::uint64_t end = offset + wanted; end > reserved_) {
    const std::uint64_t target = std::min(round_up(end, kReserveStep), capacity_);
    if (!segment_.reserve_payload(reserved_, target - reserved_)) return std::nullopt;
    reserved_ = target;
  }
  free_by_size_.erase(fit);
  free_by_offset_.erase(offset);
  if (size > wanted) insert_free(offset + wanted, size - wanted);
  in_use_ += wanted;
  return Extent{offset, wanted};
} catch (const std::bad_alloc&) {  // no memory for the books
  return std::nullopt;
}

void Extents::release(Extent extent) {
  if (extent.empty()) return;
  const std::lock_guard lock(mutex_);
  in_use_ -= extent.bytes;
  auto next = free_by_offset_.lower_bound(extent.offset);
  if (next != free_by_offset_.end() && next->first == extent.offset + extent.bytes) {
    extent.bytes += next->second;
    free_by_size_.erase({next->second, next->first});
    next = free_by_offset_.erase(next);
  }
  if (next != free_by_offset_.begin()) {
    const auto before = std::prev(next);
    if (before->first + before->second == extent.offset) {
      extent = {before->first, before->second + extent.bytes};
      free_by_size_.erase({before->second, before->first});
      free_by_offset_.erase(before);
    }
  }
  insert_free(extent.offset, extent.bytes);
}

std::uint64_t Extents::in_use() const {
  const std::lock_guard lock(mutex_);
  return in_use_;
}

void Extents::insert_free(std::uint64_t offset, std::uint64_t bytes) {
  free_by_offset_.emplace(offset, bytes);
  free_by_size_.emplace(bytes, offset);
}

}  // namespace twinpool::processes
