// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>

#include "tests/conformance/twin.h"

/// A door that tasks wait at until the test opens it. It lies in a SharedBuffer, so it works in both twins.
namespace twinpool::conformance {

using Words = SharedBuffer<std::uint32_t>;

inline std::atomic_ref<std::uint32_t> atomic_at(const Words& words, std::size_t i) {
  return std::atomic_ref<std::uint32_t>(words[i]);
}

inline constexpr std::size_t kOpened = 0;   // 1 once the test has opened the gate
inline constexpr std::size_t kEntered = 1;  // tasks that have begun
inline constexpr std::size_t kLeft = 2;     // tasks that have passed

/// Counts itself in, waits until the gate is open, counts itself out. Gives: how many had begun before.
inline std::uint32_t pass_gate(Words gate) {
  const auto before = atomic_at(gate, kEntered).fetch_add(1);
  const auto deadline = Clock::now() + kPatience;
  while (atomic_at(gate, kOpened).load() == 0) {
    if (Clock::now() >= deadline) throw std::runtime_error("the gate was never opened");
    std::this_thread::sleep_for(std::chrono::microseconds(200));
  }
  atomic_at(gate, kLeft).fetch_add(1);
  return before;
}

/// Declared after its pool: it opens as it goes, so that no test leaves a task waiting.
class Gate {
 public:
  explicit Gate(Pool& pool) : words_(pool.make_shared_buffer<std::uint32_t>(3)) {}
  Gate(const Gate&) = delete;
  Gate& operator=(const Gate&) = delete;
  ~Gate() { open(); }

  void open() { atomic_at(words_, kOpened).store(1); }
  [[nodiscard]] std::uint32_t entered() const { return atomic_at(words_, kEntered).load(); }
  [[nodiscard]] std::uint32_t left() const { return atomic_at(words_, kLeft).load(); }
  /// Waits until `count` tasks have begun. Gives: whether they did.
  [[nodiscard]] bool wait_entered(std::uint32_t count) const {
    return eventually([&] { return entered() >= count; });
  }
  [[nodiscard]] const Words& words() const { return words_; }

 private:
  Words words_;
};

}  // namespace twinpool::conformance
