// SPDX-License-Identifier: Apache-2.0
// Whatever bytes a worker leaves, decoding them gives a value or a DecodeError: it neither reads beyond them nor
// makes a value that cannot be; and what it gives is given again when it is encoded and decoded once more.
#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <new>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <variant>
#include <vector>

#include "shared/codec.h"
#include "shared/shared_buffer.h"

namespace {

using namespace twinpool;

/// Memory as pools give it: aligned, and exactly as long as the value, so that AddressSanitizer sees each step beyond.
class Exact {
 public:
  explicit Exact(std::size_t size)
      : size_(size), memory_(static_cast<std::byte*>(::operator new(size, std::align_val_t{kBufferAlignment}))) {}
  [[nodiscard]] std::span<std::byte> bytes() const { return {memory_.get(), size_}; }

 private:
  struct Free {
    void operator()(std::byte* memory) const { ::operator delete(memory, std::align_val_t{kBufferAlignment}); }
  };
  std::size_t size_;
  std::unique_ptr<std::byte, Free> memory_;
};

enum class Colour : std::uint8_t { kRed, kGreen };
struct Flat {
  std::uint8_t small;
  std::uint64_t large;
  Colour colour;
  bool operator==(const Flat&) const = default;
};
struct Switches {
  bool first;
  std::array<bool, 3> more;
  std::uint16_t number;
  bool operator==(const Switches&) const = default;
};
struct Deep {
  std::string name;
  std::vector<std::pair<std::string, std::optional<Flat>>> list;
  std::map<std::string, std::variant<int, std::string, std::monostate>> map;
  std::optional<Switches> switches;
  bool operator==(const Deep&) const = default;
};

[[noreturn]] void fail(const char* what) {
  std::fprintf(stderr, "codec_fuzz: %s\n", what);
  std::abort();
}

template <typename T>
void try_type(std::span<const std::byte> bytes) {
  std::optional<T> value;
  try {
    Reader in(bytes);
    value.emplace(Codec<T>::decode(in));
  } catch (const DecodeError&) {
    return;
  }
  Writer count;
  Codec<T>::encode(count, *value);
  const Exact again(count.size());
  Writer out(again.bytes());
  Codec<T>::encode(out, *value);
  if (out.size() != count.size()) fail("the count and the writing differ");
  Reader in(again.bytes());
  if (Codec<T>::decode(in) != *value) fail("a value changed on its way");
}

/// A buffer lies in the shared memory, and in a block that the task was given.
void try_shared_buffer(std::span<const std::byte> bytes) {
  static Exact shared(512);
  static const auto block = std::make_shared<const SharedBlock>(
      SharedBlock{.data = shared.bytes().data() + 64, .bytes = 256, .offset = 64, .home = nullptr});
  const std::array<std::shared_ptr<const SharedBlock>, 1> blocks{block};
  for (const bool inside_task : {false, true}) {
    try {
      Reader in(bytes, shared.bytes(), inside_task ? std::span<const std::shared_ptr<const SharedBlock>>{} : blocks);
      const auto buffer = Codec<SharedBuffer<std::uint64_t>>::decode(in);
      for (auto& element : buffer) element += 1;
    } catch (const DecodeError&) {  // as it should be
    }
  }
}

using Try = void (*)(std::span<const std::byte>);
constexpr Try kTries[] = {
    try_type<bool>,
    try_type<std::uint64_t>,
    try_type<std::string>,
    try_type<std::vector<std::uint64_t>>,
    try_type<std::vector<bool>>,
    try_type<std::vector<std::string>>,
    try_type<std::vector<std::vector<std::int32_t>>>,
    try_type<std::optional<std::string>>,
    try_type<std::tuple<char, std::int64_t, std::string>>,
    try_type<std::array<std::string, 2>>,
    try_type<std::variant<std::int32_t, std::string>>,
    try_type<std::map<std::string, std::int32_t>>,
    try_type<std::unordered_map<std::string, std::vector<std::uint8_t>>>,
    try_type<std::set<std::int32_t>>,
    try_type<std::unordered_set<std::string>>,
    try_type<std::chrono::nanoseconds>,
    try_type<Flat>,
    try_type<std::vector<Flat>>,
    try_type<Switches>,
    try_type<std::vector<Switches>>,
    try_type<Deep>,
    try_shared_buffer,
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const Exact bytes(size - 1);
  if (size > 1) std::memcpy(bytes.bytes().data(), data + 1, size - 1);
  kTries[data[0] % std::size(kTries)](bytes.bytes());
  return 0;
}
