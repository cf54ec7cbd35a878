// SPDX-License-Identifier: Apache-2.0
#include "bench/nearest_name.h"

#include <gtest/gtest.h>

#include <vector>

namespace twinpool::bench {
namespace {

const std::vector<std::string> kWorkloads{"noop", "primes",     "sha256",   "sort",
                                          "echo", "shared-sum", "wordcount"};

TEST(EditDistance, CountsTextbookEdits) {
  EXPECT_EQ(edit_distance("kitten", "sitting"), 3u);
  EXPECT_EQ(edit_distance("", "abc"), 3u);
  EXPECT_EQ(edit_distance("abc", ""), 3u);
  EXPECT_EQ(edit_distance("echo", "echo"), 0u);
}

TEST(EditDistance, CountsASwapOfNeighboursOnce) { EXPECT_EQ(edit_distance("ehco", "echo"), 1u); }

TEST(EditDistance, IgnoresCase) { EXPECT_EQ(edit_distance("ECHO", "echo"), 0u); }

TEST(NearestName, FindsTyposAndBeginnings) {
  EXPECT_EQ(nearest_name("prime", kWorkloads), "primes");
  EXPECT_EQ(nearest_name("ehco", kWorkloads), "echo");
  EXPECT_EQ(nearest_name("word", kWorkloads), "wordcount");
  EXPECT_EQ(nearest_name("shared_sum", kWorkloads), "shared-sum");
}

TEST(NearestName, GivesNothingFarFetched) {
  EXPECT_EQ(nearest_name("potato", kWorkloads), std::nullopt);
  EXPECT_EQ(nearest_name("", kWorkloads), std::nullopt);
  EXPECT_EQ(nearest_name("x", kWorkloads), std::nullopt);
  EXPECT_EQ(nearest_name("x", std::vector<std::string>{"y"}), std::nullopt);
}

TEST(SuggestName, ListsAllWhenNoneIsNear) {
  EXPECT_EQ(suggest_name("prims", kWorkloads), "; did you mean 'primes'?");
  EXPECT_EQ(suggest_name("zzz", std::vector<std::string>{"threads", "processes"}),
            "; known are threads, processes");
  EXPECT_EQ(suggest_name("zzz", {}), "");
}

}  // namespace
}  // namespace twinpool::bench
