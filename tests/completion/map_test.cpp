// SPDX-License-Identifier: Apache-2.0
#include "shared/map.h"

#include <list>
#include <sstream>

#include "tests/completion/numbers.h"
#include "tests/conformance/notebook.h"

/// `map` in both twins: which elements run, in which order their results come, and what fails with what.
namespace twinpool::conformance {
namespace {

int twice(int n) { return 2 * n; }
int even_only(int n) {
  if (n % 2 != 0) throw std::domain_error("odd: " + std::to_string(n));
  return n;
}
std::size_t length(std::string_view text) { return text.size(); }
void note_it(std::pair<Words, std::uint32_t> where) { note(where.first, where.second); }
bool is_odd(int n) { return n % 2 != 0; }
int hold_first(std::pair<Words, int> gate) {
  if (gate.second == 0) pass_gate(gate.first);
  return gate.second;
}
int hold_open(std::pair<Words, int> gate) {
  pass_gate(gate.first);
  return gate.second;
}
TEST_P(Conformance, C1_MapGivesTheResultOfEachElementInOrder) {
  const auto pool = make();
  std::vector<int> numbers(10'000);
  for (std::size_t i = 0; i < numbers.size(); ++i) numbers[i] = static_cast<int>(i);
  std::size_t at = 0;
  for (auto& result : map<twice>(*pool, numbers)) {
    ASSERT_EQ(result.index, at);
    ASSERT_EQ(result.value(), 2 * static_cast<int>(at));
    ++at;
  }
  EXPECT_EQ(at, numbers.size());
  EXPECT_LT(pool->stats().submitted, numbers.size()) << "elements go in chunks";
}

TEST_P(Conformance, C1_MapGivesEachResultOnceAsTasksAreDone) {
  const auto pool = make();
  std::vector<int> seen(1000);
  for (auto& [index, outcome] : map<twice>(*pool, count_to(1000), {.chunk = 7, .ordered = false})) {
    ASSERT_LT(index, seen.size());
    ++seen[index];
    EXPECT_EQ(outcome.value(), 2 * static_cast<int>(index));
  }
  EXPECT_EQ(seen, std::vector<int>(1000, 1));
  EXPECT_EQ(pool->stats().submitted, 143U);
}

TEST_P(Conformance, C1_MapGivesWhatIsDoneWhileAnEarlierElementRuns) {
  const auto pool = make({.workers = 2});
  Gate gate(*pool);
  const std::vector<std::pair<Words, int>> elements{{gate.words(), 0}, {gate.words(), 1}};
  std::vector<int> order;
  for (auto& result : map<hold_first>(*pool, elements, {.chunk = 1, .ordered = false})) {
    order.push_back(result.value());
    gate.open();
  }
  EXPECT_EQ(order, (std::vector<int>{1, 0}));
}

TEST_P(Conformance, C15_AnElementThatThrowsFailsAlone) {
  const auto pool = make();
  for (auto& [index, outcome] : map<even_only>(*pool, count_to(100), {.chunk = 10})) {
    ASSERT_EQ(outcome.has_value(), index % 2 == 0);
    if (outcome) {
      EXPECT_EQ(outcome.value(), static_cast<int>(index));
    } else {
      EXPECT_EQ(outcome.failure().kind, FailureKind::kThrew);
      EXPECT_EQ(outcome.failure().type_name, "std::domain_error");
      EXPECT_EQ(outcome.failure().message, "odd: " + std::to_string(index));
    }
  }
}

TEST_P(Conformance, C17_MapTakesContainersTextAndBools) {
  const auto pool = make();
  std::vector<std::size_t> lengths;
  const std::list<const char*> words{"to", "be", "or", "not"};
  for (auto& result : map<length>(*pool, words)) lengths.push_back(result.value());
  EXPECT_EQ(lengths, (std::vector<std::size_t>{2, 2, 2, 3}));
  std::vector<bool> odd;
  for (auto& result : map<is_odd>(*pool, std::vector<int>{1, 2, 3})) odd.push_back(result.value());
  EXPECT_EQ(odd, (std::vector<bool>{true, false, true}));
  for (auto& result : map<is_odd>(*pool, std::vector<int>{})) ADD_FAILURE() << result.index;
}

#if !defined(__clang__) || __clang_major__ >= 16
TEST_P(Conformance, C17_MapTakesViewsAndItsResultsAreARange) {
  const auto pool = make();
  std::istringstream text("to be or not");
  std::vector<std::size_t> lengths;
  for (auto& result : map<length>(*pool, std::views::istream<std::string>(text))) {
    lengths.push_back(result.value());
  }
  EXPECT_EQ(lengths, (std::vector<std::size_t>{2, 2, 2, 3}));
  EXPECT_EQ(std::ranges::distance(map<is_odd>(*pool, std::vector<int>{})), 0);
  std::vector<int> doubled;
  for (int value : map<twice>(*pool, std::views::iota(0) | std::views::take(3)) |
                       std::views::transform([](auto& result) { return result.value(); })) {
    doubled.push_back(value);
  }
  EXPECT_EQ(doubled, (std::vector<int>{0, 2, 4}));
}
#endif

TEST_P(Conformance, C9_MapReadsAnEndlessRangeNoFurtherThanItsLookAhead) {
  const auto pool = make({.workers = 1});
  Notebook notes(*pool, 1000);
  int read = 0;
  const Numbers<std::pair<Words, std::uint32_t>> endless(kEndless, [&](int i) {
    ++read;
    return std::pair(notes.words(), static_cast<std::uint32_t>(i));
  });
  {
    auto results = map<note_it>(*pool, endless, {.chunk = 2, .look_ahead = 3});
    EXPECT_EQ(read, 0) << "nothing is read before somebody asks";
    auto at = results.begin();
    for (int i = 0; i < 4; ++i) ++at;
    EXPECT_EQ(at->index, 4U);
    EXPECT_LE(read, 2 * (3 + 3));
  }
  EXPECT_TRUE(pool->drain(kPatience));
  EXPECT_LE(notes.size(), static_cast<std::size_t>(read));
}

TEST_P(Conformance, C8_MapThatIsLeftEarlyCancelsTheRest) {
  const auto pool = make({.workers = 1});
  Gate gate(*pool);
  const Numbers<std::pair<Words, int>> endless(kEndless, [&](int i) { return std::pair(gate.words(), i); });
  auto first = pool->submit<pass_gate>(gate.words());
  ASSERT_TRUE(gate.wait_entered(1));
  {
    auto results =
        std::make_unique<MapResults<int>>(map<hold_open>(*pool, endless, {.chunk = 1, .look_ahead = 4}));
    std::thread opener([&] {
      EXPECT_TRUE(eventually([&] { return pool->stats().pending == 5; }));
      gate.open();
    });
    auto at = results->begin();
    EXPECT_EQ(at->value(), 0);
    opener.join();
  }
  EXPECT_TRUE(eventually([&] { return pool->stats().pending == 0; }));
  EXPECT_LE(pool->stats().submitted, 6U);
}

TEST_P(Conformance, C9_MapWaitsForRoomInAFullPool) {
  const auto pool = make({.workers = 1, .queue_capacity = 1});
  long sum = 0;
  for (auto& result : map<twice>(*pool, count_to(500), {.chunk = 1, .look_ahead = 50})) {
    sum += result.value();
  }
  EXPECT_EQ(sum, 499 * 500);
}

TEST_P(Conformance, C2_MapThrowsARefusalAfterWhatWasAccepted) {
  const auto pool = make();
  auto results = map<twice>(*pool, count_to(kEndless), {.chunk = 1, .look_ahead = 4});
  auto at = results.begin();
  ASSERT_TRUE(pool->drain(kPatience));
  int given = 1;
  try {
    for (++at; at != results.end(); ++at) ++given;
    ADD_FAILURE() << "a drained pool refuses";
  } catch (const SubmitRefused& refused) {
    EXPECT_EQ(refused.error(), SubmitError::kClosed);
  }
  EXPECT_EQ(given, 4);
  EXPECT_TRUE(at == results.end());
}

TEST_P(Conformance, C2_MapThrowsWhatItsRangeThrewAfterWhatItHadRead) {
  const auto pool = make();
  const Numbers<int> broken(kEndless, [](int i) {
    if (i == 5) throw std::out_of_range("five");
    return i;
  });
  auto results = map<twice>(*pool, broken, {.chunk = 2});
  int given = 0;
  EXPECT_THROW(
      {
        for (auto at = results.begin(); at != results.end(); ++at) ++given;
      },
      std::out_of_range);
  EXPECT_EQ(given, 5);
}

TEST(ChunkSize, IsOneUntilSomethingWasMeasuredAndThenAboutAMillisecond) {
  detail::ChunkSizer sizer(0);
  EXPECT_EQ(sizer.next(std::nullopt, 4), 1U);
  sizer.measured(1, 10'000);
  EXPECT_EQ(sizer.next(std::nullopt, 4), 4U) << "it grows step by step";
  sizer.measured(64, 640'000);
  EXPECT_EQ(sizer.next(std::nullopt, 4), 100U);
  EXPECT_EQ(sizer.next(320, 4), 20U) << "the last chunks are small, so that all workers end together";
  EXPECT_EQ(sizer.next(3, 4), 1U);
  sizer.measured(100, 100'000'000'000);
  EXPECT_EQ(sizer.next(std::nullopt, 4), 1U);
}

TEST(ChunkSize, IsWhatWasAskedFor) {
  detail::ChunkSizer sizer(7);
  EXPECT_EQ(sizer.next(3, 4), 7U);
}

}  // namespace
}  // namespace twinpool::conformance
