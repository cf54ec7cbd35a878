// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <functional>
#include <iterator>

/// Input ranges for `map`, without the standard views, which clang 14 cannot compile with libstdc++ 12.
namespace twinpool::conformance {

/// 0, 1, 2 and so on as `make` sees them, up to `end`; an input range that can be read once.
template <typename T>
class Numbers {
 public:
  Numbers(int end, std::function<T(int)> make) : end_(end), make_(std::move(make)) {}

  class Iterator {
   public:
    using value_type = T;
    using difference_type = std::ptrdiff_t;
    explicit Iterator(const Numbers& numbers) : numbers_(&numbers) {}
    T operator*() const { return numbers_->make_(at_); }
    Iterator& operator++() {
      ++at_;
      return *this;
    }
    void operator++(int) { ++at_; }
    bool operator==(std::default_sentinel_t) const { return at_ == numbers_->end_; }

   private:
    const Numbers* numbers_;
    int at_ = 0;
  };
  [[nodiscard]] Iterator begin() const { return Iterator(*this); }
  [[nodiscard]] std::default_sentinel_t end() const { return {}; }

 private:
  int end_;
  std::function<T(int)> make_;
};

inline constexpr int kEndless = -1;

inline Numbers<int> count_to(int end) {
  return {end, [](int i) { return i; }};
}

}  // namespace twinpool::conformance
