// SPDX-License-Identifier: Apache-2.0
#include "shared/map.h"
#include "shared/when.h"
#include "tests/completion/numbers.h"
#include "tests/conformance/twin.h"
#include "threads/thread_pool.h"

/// C16: a task of the thread twin that waits for what follows from tasks of its own pool.
namespace twinpool::threads {
namespace {

Pool* the_pool = nullptr;

int increment(int n) { return n + 1; }
int through_then(int n) {
  return the_pool->submit<increment>(n).then([](int m) { return m + 1; }).get();
}
int through_a_chain(int n) { return the_pool->then<increment>(the_pool->submit<increment>(n)).get(); }
int through_when_all(int n) {
  std::vector<Future<int>> parts;
  for (int i = 0; i < n; ++i) parts.push_back(the_pool->submit<increment>(i));
  int sum = 0;
  const auto outcomes = when_all(std::move(parts)).get();
  for (const auto& outcome : outcomes) sum += outcome.value();
  return sum;
}
int through_map(bool ordered) {
  int sum = 0;
  for (auto& result :
       map<increment>(*the_pool, conformance::count_to(100), {.chunk = 3, .ordered = ordered})) {
    sum += result.value();
  }
  return sum;
}

TEST(Nested, ATaskCanWaitForWhatFollowsFromItsTasksWhereItIsTheOnlyWorker) {
  ThreadPool pool({.workers = 1});
  the_pool = &pool;
  EXPECT_EQ(conformance::value_of(pool.submit<through_then>(1)), 3);
  EXPECT_EQ(conformance::value_of(pool.submit<through_a_chain>(1)), 3);
  EXPECT_EQ(conformance::value_of(pool.submit<through_when_all>(10)), 55);
  EXPECT_EQ(conformance::value_of(pool.submit<through_map>(true)), 5050);
  EXPECT_EQ(conformance::value_of(pool.submit<through_map>(false)), 5050);
}

}  // namespace
}  // namespace twinpool::threads
