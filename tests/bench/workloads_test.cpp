// SPDX-License-Identifier: Apache-2.0
#include "bench/workloads/registry.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <numeric>
#include <optional>
#include <set>
#include <system_error>
#include <vector>

#include "bench/backend.h"
#include "bench/workloads/mix.h"
#include "bench/workloads/text_file.h"
#include "bench/workloads/typed_flow.h"

namespace twinpool::bench {
namespace {

/// A file that is removed with this object.
class TextFile {
 public:
  explicit TextFile(const std::string& text)
      : path_(std::filesystem::temp_directory_path() /
              ("twinpool-words-" + std::to_string(getpid()) + "-" + std::to_string(counter_++))) {
    std::ofstream(path_) << text;
  }
  ~TextFile() { std::filesystem::remove(path_); }
  [[nodiscard]] std::string path() const { return path_.string(); }

 private:
  static inline int counter_ = 0;
  std::filesystem::path path_;
};

FlowOptions options_of(const Workload& workload, const GeneratedText& text) {
  FlowOptions options{.seed = 7, .payload_bytes = workload.default_payload_bytes, .input = text.path()};
  options.workers = 2;
  options.workload = &workload;
  if (workload.set_up != nullptr) workload.set_up(settings_of(workload, options));
  if (workload.name == "wordcount")
    options.words_in_slice = count_words_in_slices(text.path(), options.payload_bytes);
  return options;
}

class EachWorkload : public ::testing::TestWithParam<std::string> {};

TEST_P(EachWorkload, DeliversRightResultsOnTheThreadTwin) {
  const Workload& workload = *find_workload(GetParam());
  const GeneratedText text(7, 300'000);
  const auto pool = make_pool(Backend::kThreads, {.workers = 2, .queue_capacity = 8});
  const auto flow = workload.open(*pool, options_of(workload, text));
  const Tally tally = flow->run({.first = 0, .tasks = 40, .window = 8}, nullptr);
  EXPECT_EQ(tally.delivered, 40u) << tally.first_mistake;
  EXPECT_EQ(tally.failed + tally.lost + tally.wrong, 0u);
  EXPECT_TRUE(tally.latency_ns.empty());
}

TEST_P(EachWorkload, ChecksumDependsOnTheTasksAndNotOnTheirTiming) {
  const Workload& workload = *find_workload(GetParam());
  const GeneratedText text(7, 300'000);
  const auto checksum = [&](std::uint64_t first, std::uint64_t window, int workers) {
    const auto pool = make_pool(Backend::kThreads, {.workers = workers, .queue_capacity = 8});
    return workload.open(*pool, options_of(workload, text))
        ->run({.first = first, .tasks = 20, .window = window}, nullptr)
        .checksum;
  };
  EXPECT_EQ(checksum(0, 1, 1), checksum(0, 8, 2));
  EXPECT_NE(checksum(0, 8, 2), checksum(3, 8, 2));
}

TEST_P(EachWorkload, HoldsAllResultsAtItsPeak) {
  const Workload& workload = *find_workload(GetParam());
  const GeneratedText text(7, 300'000);
  const auto pool = make_pool(Backend::kThreads, {.workers = 2, .queue_capacity = 8});
  const auto flow = workload.open(*pool, options_of(workload, text));
  bool held = false;
  const Tally tally = flow->hold(
      8, [](void* flag) { *static_cast<bool*>(flag) = true; }, &held);
  EXPECT_TRUE(held);
  EXPECT_EQ(tally.delivered, 8u) << tally.first_mistake;
}

INSTANTIATE_TEST_SUITE_P(All, EachWorkload, ::testing::ValuesIn(workload_names()), [](const auto& name) {
  std::string word = name.param;
  std::replace(word.begin(), word.end(), '-', '_');
  return word;
});

TEST(Workloads, HaveNamesOfTheirOwnAndAreFoundByThem) {
  std::set<std::string_view> names;
  for (const Workload& workload : workloads()) {
    EXPECT_TRUE(names.insert(workload.name).second) << workload.name;
    EXPECT_EQ(find_workload(workload.name), &workload);
    EXPECT_FALSE(workload.sentence.empty());
    EXPECT_FALSE(workload.exercises.empty());
    EXPECT_GE(workload.default_payload_bytes, workload.min_payload_bytes);
  }
  EXPECT_EQ(find_workload("nonsense"), nullptr);
}

std::uint64_t give_wrong(std::uint64_t number) { return number % 5 == 0 ? number + 1 : number; }
std::uint64_t throw_sometimes(std::uint64_t number) {
  if (number % 4 == 0) throw std::runtime_error("task gave up");
  return number;
}

/// A workload that is not what it should be.
template <auto Fn>
struct Broken {
  using Result = std::uint64_t;
  Broken(Pool&, const FlowOptions&) {}
  static Future<Result> submit(Intake& pool, std::uint64_t number) { return pool.submit<Fn>(number); }
  static bool right(std::uint64_t number, Result result) { return result == number; }
  static std::uint64_t digest(Result result) { return result; }
};

TEST(TypedFlow, CountsWrongResultsAndNamesTheFirst) {
  const auto pool = make_pool(Backend::kThreads, {.workers = 2});
  const Tally tally =
      make_flow<Broken<give_wrong>>(*pool, {})->run({.first = 1, .tasks = 20, .window = 4}, nullptr);
  EXPECT_EQ(tally.wrong, 4u);
  EXPECT_EQ(tally.delivered, 16u);
  EXPECT_EQ(tally.first_mistake, "task 5: its result is wrong");
}

TEST(TypedFlow, CountsFailures) {
  const auto pool = make_pool(Backend::kThreads, {.workers = 2});
  TrialPage page{};
  const Tally tally =
      make_flow<Broken<throw_sometimes>>(*pool, {})->run({.first = 1, .tasks = 20, .window = 4}, &page);
  EXPECT_EQ(tally.failed, 5u);
  EXPECT_EQ(tally.delivered, 15u);
  EXPECT_EQ(page.delivered, 15u);
  EXPECT_EQ(page.failed, 5u);
  EXPECT_EQ(tally.first_mistake, "task 4: task gave up");
}

std::vector<std::uint64_t> ran;
std::uint64_t record(std::uint64_t number) {
  ran.push_back(number);
  return number;
}

TEST(Intake, SubmitsWithThePriorityAskedForAndPlainlyWithoutOne) {
  const auto pool = make_pool(Backend::kThreads, {.workers = 1});
  pool->pause();
  Intake low(*pool, {.priority = kLowestPriority});
  Intake plain(*pool, {});
  Intake high(*pool, {.priority = kHighestPriority});
  std::vector<Future<std::uint64_t>> futures;
  futures.push_back(low.submit<record>(std::uint64_t{1}));
  futures.push_back(plain.submit<record>(std::uint64_t{2}));
  futures.push_back(high.submit<record>(std::uint64_t{3}));
  pool->resume();
  for (auto& future : futures) future.get();
  EXPECT_EQ(ran, (std::vector<std::uint64_t>{3, 2, 1}));
}

TEST(TypedFlow, KeepsOneLatencyForEachTaskOfATimedPool) {
  const auto pool = make_pool(Backend::kThreads, {.workers = 2, .timing = Timing::kEvery});
  const auto flow = find_workload("noop")->open(*pool, {});
  const Tally tally = flow->run({.first = 0, .tasks = 50, .window = 4, .keep_latency = true}, nullptr);
  ASSERT_EQ(tally.latency_ns.size(), 50u);
  for (const std::int64_t ns : tally.latency_ns) EXPECT_GT(ns, 0);
}

TEST(TextSlices, AddUpToTheWholeWhereverTheyAreCut) {
  const TextFile file("one two\tthree\n\nfour  five-six \n seven");
  for (const std::uint64_t slice : {1, 2, 3, 5, 7, 1000}) {
    const auto expected = count_words_in_slices(file.path(), slice);
    EXPECT_EQ(std::accumulate(expected.begin(), expected.end(), 0u), 6u) << slice;
    for (std::size_t i = 0; i < expected.size(); ++i) {
      EXPECT_EQ(count_words(file.path(), i * slice, slice), expected[i]) << slice << " at " << i;
    }
  }
}

TEST(TextSlices, BehindTheEndThereIsNothing) {
  const TextFile file("word");
  EXPECT_EQ(count_words(file.path(), 4, 10), 0u);
  EXPECT_EQ(count_words(file.path(), 400, 10), 0u);
}

TEST(TextSlices, OfAMissingFileAreAnError) {
  EXPECT_THROW(count_words("/nonexistent/file", 0, 10), std::system_error);
  EXPECT_THROW(count_words_in_slices("/nonexistent/file", 10), std::system_error);
}

TEST(GeneratedText, HasItsSizeDependsOnItsSeedAndLeavesNoName) {
  std::string path;
  {
    const GeneratedText text(1, 10'000);
    const GeneratedText same(1, 10'000);
    const GeneratedText other(2, 10'000);
    path = text.path();
    EXPECT_EQ(std::filesystem::file_size(path), 10'000u);
    EXPECT_EQ(count_words_in_slices(text.path(), 1000), count_words_in_slices(same.path(), 1000));
    EXPECT_NE(count_words_in_slices(text.path(), 1000), count_words_in_slices(other.path(), 1000));
  }
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST(Payload, DependsOnSeedAndHasItsSize) {
  EXPECT_EQ(make_payload(1, 13).size(), 13u);
  EXPECT_EQ(make_payload(1, 13), make_payload(1, 13));
  EXPECT_NE(make_payload(1, 13), make_payload(2, 13));
  EXPECT_TRUE(make_payload(1, 0).empty());
}

}  // namespace
}  // namespace twinpool::bench
