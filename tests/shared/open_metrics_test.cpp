// SPDX-License-Identifier: Apache-2.0
#include "shared/open_metrics.h"

#include <gmock/gmock.h>

#include <clocale>
#include <map>
#include <regex>
#include <set>
#include <sstream>
#include <string>

namespace twinpool {
namespace {

using ::testing::HasSubstr;

/// What a page says, read as strictly as the specification allows: families once each, TYPE before UNIT before HELP
/// before samples, sample names that fit the type, no label set twice, EOF at the end.
class Parsed {
 public:
  explicit Parsed(const std::string& page) {
    std::istringstream lines(page);
    std::string line;
    while (std::getline(lines, line)) {
      EXPECT_FALSE(ended_) << "after the end: " << line;
      read(line);
    }
    EXPECT_TRUE(ended_);
    EXPECT_EQ(page.substr(page.size() - 6), "# EOF\n");
  }
  [[nodiscard]] std::string value(const std::string& sample) const {
    const auto found = samples_.find(sample);
    return found == samples_.end() ? "absent" : found->second;
  }
  [[nodiscard]] std::size_t samples() const { return samples_.size(); }

 private:
  void read(const std::string& line) {
    static const std::regex type("# TYPE ([a-z_]+) (counter|gauge|summary)");
    static const std::regex unit("# UNIT ([a-z_]+) ([a-z]+)");
    static const std::regex help("# HELP ([a-z_]+) [^\n]+");
    static const std::regex sample(
        R"re(([a-z_]+)\{([a-z]+="(?:[^"\\]|\\["\\n])*"(?:,[a-z]+="(?:[^"\\]|\\["\\n])*")*)\} ([0-9]+(?:\.[0-9]+)?|NaN))re");
    std::smatch match;
    if (line == "# EOF") {
      ended_ = true;
    } else if (std::regex_match(line, match, type)) {
      family_ = match[1];
      type_ = match[2];
      EXPECT_TRUE(families_.insert(family_).second) << line;
    } else if (std::regex_match(line, match, unit)) {
      EXPECT_EQ(match[1], family_);
      EXPECT_TRUE(family_.ends_with("_" + match[2].str())) << line;
    } else if (std::regex_match(line, match, help)) {
      EXPECT_EQ(match[1], family_);
    } else if (std::regex_match(line, match, sample)) {
      check_name(match[1]);
      EXPECT_TRUE(samples_.emplace(match[1].str() + "{" + match[2].str() + "}", match[3]).second) << line;
    } else {
      ADD_FAILURE() << "no line of OpenMetrics: " << line;
    }
  }
  void check_name(const std::string& name) const {
    if (type_ == "counter") {
      EXPECT_EQ(name, family_ + "_total");
    } else if (type_ == "gauge") {
      EXPECT_EQ(name, family_);
    } else {
      EXPECT_TRUE(name == family_ || name == family_ + "_count") << name;
    }
  }

  std::set<std::string> families_;
  std::map<std::string, std::string> samples_;
  std::string family_;
  std::string type_;
  bool ended_ = false;
};

PoolStats busy_pool() {
  PoolStats stats;
  stats.submitted = 12;
  stats.completed = 10;
  stats.lost = 1;
  stats.pending = 1;
  stats.degraded = true;
  stats.bytes_copied = 4096;
  stats.workers.push_back(
      {.index = 0, .state = WorkerState::kBusy, .tasks = 10, .busy = std::chrono::milliseconds(1'500)});
  stats.workers.push_back({.index = 1, .state = WorkerState::kIdle});
  stats.functions.push_back({.name = "parse", .completed = 10});
  stats.functions[0].running.record(20);
  stats.waiting.record(31);
  return stats;
}

TEST(OpenMetrics, TellsAPoolsNumbers) {
  const Parsed page(open_metrics(busy_pool(), "render"));
  EXPECT_EQ(page.value(R"(twinpool_tasks_submitted_total{pool="render"})"), "12");
  EXPECT_EQ(page.value(R"(twinpool_tasks_settled_total{pool="render",outcome="worker_lost"})"), "1");
  EXPECT_EQ(page.value(R"(twinpool_tasks_pending{pool="render"})"), "1");
  EXPECT_EQ(page.value(R"(twinpool_degraded{pool="render"})"), "1");
  EXPECT_EQ(page.value(R"(twinpool_paused{pool="render"})"), "0");
  EXPECT_EQ(page.value(R"(twinpool_copied_bytes_total{pool="render"})"), "4096");
  EXPECT_EQ(page.value(R"(twinpool_workers{pool="render",state="busy"})"), "1");
  EXPECT_EQ(page.value(R"(twinpool_worker_tasks_total{pool="render",worker="0"})"), "10");
  EXPECT_EQ(page.value(R"(twinpool_worker_busy_seconds_total{pool="render",worker="0"})"), "1.5");
  EXPECT_EQ(page.value(R"(twinpool_task_waiting_seconds{pool="render",quantile="0.99"})"), "0.000000031");
  EXPECT_EQ(page.value(R"(twinpool_task_waiting_seconds_count{pool="render"})"), "1");
  EXPECT_EQ(page.value(R"(twinpool_task_running_seconds{pool="render",quantile="0.5"})"), "NaN");
  EXPECT_EQ(page.value(R"(twinpool_function_tasks_total{pool="render",function="parse",outcome="completed"})"), "10");
}

TEST(OpenMetrics, OfAnEmptyPoolIsAPageToo) { EXPECT_GT(Parsed(open_metrics({}, "")).samples(), 20U); }

TEST(OpenMetrics, EscapesWhatNamesMayHold) {
  PoolStats stats;
  stats.functions.push_back({.name = "operator\"\"_x\\y"});
  const auto text = open_metrics(stats, std::string_view("a\n\xff\"\xc3\xa4\xed\xa0\x80\0z", 11));
  const Parsed page(text);
  EXPECT_THAT(text, HasSubstr("pool=\"a\\n?\\\"\xc3\xa4????z\""));
  EXPECT_THAT(text, HasSubstr(R"(function="operator\"\"_x\\y")"));
}

TEST(OpenMetrics, JoinsWorkersAndFunctionsOfOneLabel) {
  PoolStats stats = busy_pool();
  stats.merge(busy_pool());
  stats.functions.push_back({.name = "\xff"});
  stats.functions.push_back({.name = "\xfe"});
  const Parsed page(open_metrics(stats, "both"));
  EXPECT_EQ(page.value(R"(twinpool_worker_tasks_total{pool="both",worker="0"})"), "20");
}

}  // namespace
}  // namespace twinpool
