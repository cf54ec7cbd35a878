// SPDX-License-Identifier: Apache-2.0
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "shared/pool.h"

/// C17: what cannot cross to another process is refused at compile time. Nothing here runs.
namespace twinpool::conformance {
namespace {

struct HoldsPointer {
  int count;
  const char* text;
};
struct HoldsReference {
  int& target;
};
struct HoldsHolder {
  std::string name;
  HoldsPointer inner;
};
class Private {
 public:
  explicit Private(int v) : value_(v) {}
  [[nodiscard]] int value() const { return value_; }

 private:
  int value_;
};
struct Polymorphic {
  virtual ~Polymorphic() = default;
  int value = 0;
};
[[maybe_unused]] int captured = 0;
[[maybe_unused]] const auto capturing = [x = captured] { return x; };
[[maybe_unused]] const auto capturing_reference = [local = &captured] { return *local; };

static_assert(!Encodable<int*>);
static_assert(!Encodable<const char*>);
static_assert(!Encodable<void*>);
static_assert(!Encodable<std::nullptr_t>);
static_assert(!Encodable<int (*)(int)>);
static_assert(!Encodable<int Private::*>);
static_assert(!Encodable<int&>);
static_assert(!Encodable<HoldsPointer>);
static_assert(!Encodable<HoldsHolder>);
static_assert(!Encodable<Private>);
static_assert(!Encodable<Polymorphic>);
static_assert(!Encodable<std::unique_ptr<int>>);
static_assert(!Encodable<std::shared_ptr<int>>);
static_assert(!Encodable<std::reference_wrapper<int>>);
static_assert(!Encodable<std::function<int()>>);
static_assert(!Encodable<std::thread>);
static_assert(!Encodable<std::mutex>);
static_assert(!Encodable<std::stop_token>);
static_assert(!Encodable<std::stop_source>);
static_assert(!Encodable<Future<int>>);
static_assert(!Encodable<PoolStats>);
static_assert(!Encodable<std::string_view>);
static_assert(!Encodable<std::span<const int>>);
static_assert(!Encodable<decltype(capturing)>);
static_assert(!Encodable<decltype(capturing_reference)>);
static_assert(!Encodable<std::decay_t<decltype(capturing_reference)>>);

// Neither does a container make them crossable.
static_assert(!Encodable<std::vector<int*>>);
static_assert(!Encodable<std::vector<HoldsPointer>>);
static_assert(!Encodable<std::optional<const char*>>);
static_assert(!Encodable<std::pair<int, void*>>);
static_assert(!Encodable<std::tuple<std::string, std::unique_ptr<int>>>);
static_assert(!Encodable<std::variant<int, char*>>);
static_assert(!Encodable<std::map<std::string, int*>>);
static_assert(!Encodable<std::array<int*, 3>>);
static_assert(!Encodable<std::vector<std::string_view>>);

// Being trivially copyable is not being flat.
static_assert(std::is_trivially_copyable_v<HoldsPointer> && !kFlat<HoldsPointer>);
static_assert(std::is_trivially_copyable_v<Private> && !kFlat<Private>);
static_assert(std::is_trivially_copyable_v<std::string_view> && !kFlat<std::string_view>);
static_assert(!kFlat<int*> && !kFlat<std::array<int*, 2>>);

// What does cross.
static_assert(Encodable<int> && Encodable<bool> && Encodable<std::string> && Encodable<std::vector<bool>>);
static_assert(Encodable<std::vector<std::vector<std::string>>> &&
              Encodable<std::optional<std::tuple<int, char>>>);
static_assert(Encodable<SharedBuffer<int>> && Encodable<std::vector<SharedBuffer<int>>>);

/// The pools themselves and what they give cannot be copied by accident.
static_assert(!std::is_copy_constructible_v<Future<int>> && !std::is_copy_assignable_v<Future<int>>);
static_assert(std::is_nothrow_move_constructible_v<Future<int>>);
static_assert(!std::is_copy_constructible_v<Pool> && !std::is_move_constructible_v<Pool>);

// An argument has to be one that the parameter can be made of.
static_assert(detail::argument_fits<std::string, const char*>());
static_assert(detail::argument_fits<std::string, std::string_view>());
static_assert(!detail::argument_fits<std::string, int>());
static_assert(!detail::argument_fits<int, std::string>());
static_assert(detail::argument_fits<std::vector<int>, std::span<const int>>());
static_assert(!detail::argument_fits<std::vector<int>, std::vector<double>>());

}  // namespace
}  // namespace twinpool::conformance
