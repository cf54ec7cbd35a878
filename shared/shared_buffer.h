// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <stdexcept>
#include <type_traits>
#include <utility>

#include "shared/codec.h"

/// Memory that the caller and every worker see as one, in both twins (C14).
namespace twinpool {

/// One allocation of shared memory, as its pool made it. Freed when its last holder lets go of it.
struct SharedBlock {
  std::byte* data = nullptr;
  std::uint64_t bytes = 0;
  std::uint64_t offset = 0;    ///< where it lies in the pool's segment; 0 where the pool has none
  const void* home = nullptr;  ///< the pool's memory it belongs to; another pool refuses it
};

/// `size()` elements of one memory that tasks get by handle; no element is ever copied to reach a worker.
///
/// Made by `pool.make_shared_buffer<T>(count)`, zero-filled. Copies of the handle share the memory. A task
/// that was given a buffer keeps the memory alive until it has settled, and may return it, or a slice of it: so
/// a large result reaches the caller without being copied. Inside a task of the process twin the
/// handle is a view. Concurrent access is the user's to order: `std::atomic_ref` on the elements works in
/// both twins. Threads: the handle like a shared_ptr; the elements like plain memory.
template <typename T>
class SharedBuffer {
  static_assert(std::is_trivially_copyable_v<T>, "a SharedBuffer holds trivially copyable elements only");

 public:
  SharedBuffer() = default;
  SharedBuffer(std::shared_ptr<const SharedBlock> block, T* data, std::size_t size)
      : block_(std::move(block)), data_(data), size_(size) {}

  [[nodiscard]] T* data() const { return data_; }
  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] bool empty() const { return size_ == 0; }
  [[nodiscard]] T& operator[](std::size_t i) const { return data_[i]; }
  [[nodiscard]] T* begin() const { return data_; }
  [[nodiscard]] T* end() const { return data_ + size_; }
  [[nodiscard]] std::span<T> span() const { return {data_, size_}; }

  /// A handle to `count` elements from `first` on, sharing the memory.
  ///
  /// Errors: std::out_of_range when they are not all inside this buffer.
  [[nodiscard]] SharedBuffer slice(std::size_t first, std::size_t count) const {
    if (first > size_ || count > size_ - first)
      throw std::out_of_range("slice reaches outside its SharedBuffer");
    SharedBuffer part = *this;
    part.data_ += first;
    part.size_ = count;
    return part;
  }

  /// The allocation behind the handle; null for an empty handle and inside a task of the process twin.
  [[nodiscard]] const std::shared_ptr<const SharedBlock>& block() const { return block_; }

 private:
  friend struct Codec<SharedBuffer<T>>;
  /// A view inside a worker process, whose shared memory begins at `memory`.
  SharedBuffer(T* data, std::size_t size, const std::byte* memory)
      : data_(data), size_(size), memory_(memory) {}

  std::shared_ptr<const SharedBlock> block_;
  T* data_ = nullptr;
  std::size_t size_ = 0;
  const std::byte* memory_ = nullptr;
};

/// Only the place crosses: offset and length in the segment.
template <typename T>
struct Codec<SharedBuffer<T>> {
  static void encode(Writer& out, const SharedBuffer<T>& buffer) {
    std::uint64_t offset = 0;
    if (const auto& block = buffer.block()) {
      offset = block->offset +
               static_cast<std::uint64_t>(reinterpret_cast<const std::byte*>(buffer.data()) - block->data);
      out.attach(block);
    } else if (!buffer.empty()) {
      // Inside a worker process: a result that is (part of) a buffer that the task was given.
      offset = static_cast<std::uint64_t>(reinterpret_cast<const std::byte*>(buffer.data()) - buffer.memory_);
    }
    out.put<std::uint64_t>(offset);
    out.put<std::uint64_t>(buffer.size());
  }
  static SharedBuffer<T> decode(Reader& in) {
    const auto offset = in.get<std::uint64_t>();
    const auto size = in.get<std::uint64_t>();
    if (size == 0) return {};
    if (size > UINT64_MAX / sizeof(T) || offset % alignof(T) != 0)
      throw DecodeError("shared buffer is impossible");
    T* const data = reinterpret_cast<T*>(in.shared_at(offset, size * sizeof(T)));
    if (in.blocks().empty()) return SharedBuffer<T>(data, size, in.shared_at(0, 0));
    for (const auto& block : in.blocks()) {
      if (offset >= block->offset && offset - block->offset <= block->bytes &&
          size * sizeof(T) <= block->bytes - (offset - block->offset)) {
        return SharedBuffer<T>(block, data, size);
      }
    }
    throw DecodeError("a task returned a SharedBuffer that it was not given");
  }
};

}  // namespace twinpool
