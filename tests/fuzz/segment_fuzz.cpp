// SPDX-License-Identifier: Apache-2.0
// The segment as a broken or malicious worker might leave it: tasks wait in it, then bytes of the input are scribbled
// over all that a worker can write, and what the owner and its monitor do with the segment is done in any order. It
// neither crashes nor reads or writes beyond what is its own; what tasks give is then anything.
#include <array>
#include <cstdint>
#include <cstring>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "processes/event_ring.h"
#include "processes/function_table.h"
#include "tests/processes/bare_owner.h"

namespace {

using namespace twinpool;
using namespace twinpool::processes;

struct Answer {
  std::string text;
  std::vector<std::uint64_t> numbers;
  std::optional<bool> yes;
};
std::uint64_t plain(std::uint64_t n) { return n; }
std::string echo(std::string text) { return text; }
Answer answer(std::vector<std::uint64_t> numbers) { return {.text = {}, .numbers = std::move(numbers), .yes = {}}; }
SharedBuffer<std::uint64_t> same(SharedBuffer<std::uint64_t> buffer) { return buffer; }

/// So that nothing is left unread.
volatile std::uint64_t what_was_read = 0;

/// The input, piece by piece; zeroes when it has ended.
class Pieces {
 public:
  Pieces(const std::uint8_t* data, std::size_t size) : left_(data, size) {}
  [[nodiscard]] bool empty() const { return left_.empty(); }
  template <typename T>
  T take() {
    T value{};
    const auto bytes = take_bytes(sizeof value);
    if (!bytes.empty()) std::memcpy(&value, bytes.data(), bytes.size());
    return value;
  }
  std::uint32_t below(std::uint32_t limit) { return take<std::uint8_t>() % limit; }
  std::span<const std::uint8_t> take_bytes(std::size_t most) {
    const auto bytes = left_.first(std::min(most, left_.size()));
    left_ = left_.subspan(bytes.size());
    return bytes;
  }
  /// A length that is likely to be one too many somewhere.
  std::uint64_t length() {
    constexpr std::array<std::uint64_t, 12> kEdges{
        0,       1,           kInlineResult - 1, kInlineResult,  kInlineResult + 1, 4096,
        1 << 16, (1 << 18) - 1, 1 << 18,         (1 << 18) + 64, UINT64_MAX / 8,    UINT64_MAX};
    const auto which = below(kEdges.size() + 1);
    return which < kEdges.size() ? kEdges[which] : take<std::uint64_t>();
  }

 private:
  std::span<const std::uint8_t> left_;
};

class Game {
 public:
  explicit Game(Pieces in) : in_(in), waiting_(owner_.segment(), DispatchOptions{}), table_(owner_.segment()) {
    for (int i = 0; i < 4; ++i) submit(static_cast<std::uint32_t>(i));
  }
  Game(const Game&) = delete;
  ~Game() {
    // What the owner does when it rebuilds a segment: every task that it knows of has settled.
    for (const auto& [index, generation] : generations_)
      slot(index).word.store(SlotWord::make(generation, 0, SlotState::kLost).bits);
  }

  void play() {
    for (int moves = 0; moves < 64 && !in_.empty(); ++moves) {
      const auto move = in_.below(18);
      move < 8 ? scribble(move) : act(move);
    }
    serve();
    for (auto& future : plain_) look_at(future);
    for (auto& future : texts_) look_at(future);
    for (auto& future : answers_) look_at(future);
    for (auto& future : buffers_) look_at(future);
    what_was_read = seen_;
  }

 private:
  static constexpr std::uint32_t kSlots = 6;
  static constexpr std::uint64_t kPayload = 1 << 18;

  [[nodiscard]] const Segment& segment() const { return owner_.segment(); }
  [[nodiscard]] Slot& slot(std::uint32_t index) const { return segment().slot(index); }
  [[nodiscard]] Slot& some_slot() { return slot(in_.below(kSlots)); }
  int some_place() { return static_cast<int>(in_.below(static_cast<std::uint32_t>(segment().place_count()))); }

  void submit(std::uint32_t which) {
    switch (which % 4) {
      case 0: note(plain_.emplace_back(owner_.submit<plain>(std::uint64_t{1}))); break;
      case 1: note(texts_.emplace_back(owner_.submit<echo>(std::string(300, 'x')))); break;
      case 2: note(answers_.emplace_back(owner_.submit<answer>(std::vector<std::uint64_t>{1, 2, 3}))); break;
      default: {
        const auto block = owner_.books().allocate_shared(1024);
        note(buffers_.emplace_back(owner_.submit<same>(SharedBuffer<std::uint64_t>(
            block, reinterpret_cast<std::uint64_t*>(block->data), 1024 / sizeof(std::uint64_t)))));
      }
    }
  }
  template <typename T>
  void note(const Future<T>& future) {
    if (future.valid()) generations_[ref_index(owner_.last())] = ref_generation(owner_.last());
  }

  void scribble(std::uint32_t move) {
    SegmentHeader& header = segment().header();
    switch (move) {
      case 0: return scribble_over(&slot(0), kSlots * sizeof(Slot));
      case 1: return scribble_over(&segment().worker(0), segment().place_count() * sizeof(WorkerRecord));
      case 2: return scribble_over(&header, sizeof header);
      case 3: return scribble_over(&segment().ring_entry(0), segment().ring_size() * sizeof(SlotRef));
      case 4: {  // a word that may well be
        const auto index = in_.below(kSlots);
        SlotWord word = SlotWord::make(generations_[index], in_.below(8), static_cast<SlotState>(in_.below(14)));
        word.bits |= std::uint64_t{in_.take<std::uint8_t>()} << 8;
        return slot(index).word.store(word.bits);
      }
      case 5: {
        Slot& here = some_slot();
        here.result_bytes = in_.length();
        return scribble_over(here.result, kInlineResult, 0);
      }
      case 6: {
        const auto index = in_.below(kSlots);
        return segment().worker(some_place()).intent.store(make_ref(generations_[index], index));
      }
      default: return scribble_over(segment().payload().data(), 1 << 16);
    }
  }
  void scribble_over(void* where, std::size_t size, std::optional<std::size_t> at = std::nullopt) {
    const std::size_t from = at ? *at : in_.take<std::uint32_t>() % size;
    const auto bytes = in_.take_bytes(std::min<std::size_t>(in_.take<std::uint8_t>(), size - from));
    if (!bytes.empty()) std::memcpy(static_cast<std::byte*>(where) + from, bytes.data(), bytes.size());
  }

  void act(std::uint32_t move) {
    switch (move) {
      case 8:
        static_cast<void>(recover_worker(segment(), some_place(), in_.take<std::int32_t>(), in_.take<std::int32_t>()));
        break;
      case 9: owner_.serve_bell(); break;
      case 10: fail_queued(segment(), in_.below(2) != 0 ? SlotState::kLost : SlotState::kClosed, -1); break;
      case 11: take_stock(); break;
      case 12: submit(in_.below(4)); break;
      case 13: look_at_some(); break;
      case 14: serve(); break;
      case 15: {  // takes what settled tasks hold (harvest)
        if (const auto extent = owner_.books().allocate(in_.length() % kPayload))
          owner_.books().extents().release(*extent);
        break;
      }
      case 16: {
        waiting_.announce({});
        static_cast<void>(skip_stale(segment()));
        tell_all_again(segment());
        break;
      }
      default: cancel_some();
    }
  }

  void take_stock() {
    PoolStats stats;
    owner_.books().count_outcomes(stats);
    static_cast<void>(table_.stats());
    for (int seat = 0; seat < segment().seat_count(); ++seat) static_cast<void>(waiting_.queued(seat));
    static_cast<void>(backlog(segment()));
    for (int i = 0; i < 300; ++i) {
      if (!events_.next(segment().place_count())) break;
    }
    static_cast<void>(events_.dropped());
  }
  void serve() {
    for (std::uint32_t i = 0; i < kSlots; ++i) static_cast<void>(owner_.books().serve_note(i, waiting_));
  }

  template <typename T>
  void look_at(Future<T>& future) {
    if (!future.valid() || !future.ready()) return;  // it may never be: its word is anything
    static_cast<void>(future.timing());
    const Outcome<T> outcome = future.outcome();
    if (!outcome) {
      seen_ += outcome.failure().message.size();
    } else if constexpr (std::is_same_v<T, SharedBuffer<std::uint64_t>>) {
      for (auto& element : outcome.value()) seen_ += element++;
    } else if constexpr (std::is_same_v<T, Answer>) {
      for (const auto number : outcome.value().numbers) seen_ += number;
      seen_ += outcome.value().yes.value_or(false) ? 1 : 0;
    } else if constexpr (std::is_same_v<T, std::string>) {
      for (const char letter : outcome.value()) seen_ += static_cast<unsigned char>(letter);
    } else {
      seen_ += outcome.value();
    }
  }
  template <typename F>
  void with_some(F&& f) {
    const auto pick = [&](auto& futures) {
      if (!futures.empty()) f(futures[in_.below(static_cast<std::uint32_t>(std::min<std::size_t>(futures.size(), 255)))]);
    };
    switch (in_.below(4)) {
      case 0: return pick(plain_);
      case 1: return pick(texts_);
      case 2: return pick(answers_);
      default: return pick(buffers_);
    }
  }
  void look_at_some() {
    with_some([&](auto& future) { look_at(future); });
  }
  void cancel_some() {
    with_some([&](auto& future) {
      if (future.valid()) future.cancel();
    });
  }

  Pieces in_;
  BareOwner owner_{SegmentShape{.workers = 2, .slots = kSlots, .payload_bytes = kPayload}};
  WaitingTasks waiting_;
  FunctionTable table_;
  EventReader events_{owner_.segment().header().events};
  std::map<std::uint32_t, std::uint32_t> generations_;  // by slot
  std::vector<Future<std::uint64_t>> plain_;
  std::vector<Future<std::string>> texts_;
  std::vector<Future<Answer>> answers_;
  std::vector<Future<SharedBuffer<std::uint64_t>>> buffers_;
  std::uint64_t seen_ = 0;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Game(Pieces(data, size)).play();
  return 0;
}
