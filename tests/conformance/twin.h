// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <ostream>
#include <stdexcept>
#include <thread>

#include "shared/pool.h"

/// What every test of the contract starts from: a pool of the twin under test, known by the one interface
/// only.
namespace twinpool::conformance {

/// Longer than anything here takes on a loaded machine; a wait that reaches it is a hang.
inline constexpr std::chrono::seconds kPatience{60};

struct Twin {
  const char* name;
  std::unique_ptr<Pool> (*make)(PoolOptions options);
};
inline void PrintTo(const Twin& twin, std::ostream* out) { *out << twin.name; }

class Conformance : public ::testing::TestWithParam<Twin> {
 protected:
  static std::unique_ptr<Pool> make(PoolOptions options = {.workers = 2}) {
    return GetParam().make(std::move(options));
  }
};

/// Looks at `condition` until it holds. Gives: whether it came to hold within kPatience.
template <typename Condition>
[[nodiscard]] bool eventually(Condition condition) {
  const auto deadline = Clock::now() + kPatience;
  while (!condition()) {
    if (Clock::now() >= deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return true;
}

/// The outcome of a future that has to settle: a hang fails the test instead of stopping it.
template <typename T>
[[nodiscard]] Outcome<T> outcome_of(Future<T>& future) {
  if (!future.wait_for(kPatience)) throw std::runtime_error("C1 broken: a future never settled");
  return future.outcome();
}
template <typename T>
[[nodiscard]] Outcome<T> outcome_of(Future<T>&& future) {
  return outcome_of(future);
}

/// The value of a future that has to have one.
template <typename T>
[[nodiscard]] T value_of(Future<T>& future) {
  auto outcome = outcome_of(future);
  if (!outcome) throw TaskError(std::move(outcome).take_failure());
  return std::move(outcome).value();
}
template <typename T>
[[nodiscard]] T value_of(Future<T>&& future) {
  return value_of(future);
}

/// The failure of a future that has to have one.
template <typename T>
[[nodiscard]] Failure failure_of(Future<T>& future) {
  auto outcome = outcome_of(future);
  if (outcome) throw std::runtime_error("a task gave a value where it had to fail");
  return std::move(outcome).take_failure();
}
template <typename T>
[[nodiscard]] Failure failure_of(Future<T>&& future) {
  return failure_of(future);
}

}  // namespace twinpool::conformance
