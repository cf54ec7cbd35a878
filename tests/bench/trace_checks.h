// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace twinpool::bench {

/// A process and a thread as a trace names them.
using Track = std::pair<int, int>;

inline Track track_of(const nlohmann::json& event) { return {event.at("pid"), event.at("tid")}; }
inline std::int64_t ns_of(const nlohmann::json& event, const char* key = "ts") {
  return std::llround(event.at(key).get<double>() * 1000);
}

inline std::vector<nlohmann::json> events_of(const nlohmann::json& trace, const std::string& phase,
                                             const std::string& category = {}) {
  std::vector<nlohmann::json> found;
  for (const auto& event : trace.at("traceEvents")) {
    if (event.at("ph") == phase && (category.empty() || event.value("cat", "") == category))
      found.push_back(event);
  }
  return found;
}

/// The processes that a trace names, by their names.
inline std::map<std::string, int> processes_of(const nlohmann::json& trace) {
  std::map<std::string, int> found;
  for (const auto& event : events_of(trace, "M")) {
    if (event.at("name") == "process_name") found[event.at("args").at("name")] = event.at("pid");
  }
  return found;
}

/// Slices of one track contain each other or lie apart.
inline void expect_slices_nest(const std::vector<nlohmann::json>& slices) {
  std::map<Track, std::vector<std::int64_t>> open;  // ends of the slices that are open, the innermost last
  for (const auto& slice : slices) {
    auto& ends = open[track_of(slice)];
    const std::int64_t begin = ns_of(slice);
    const std::int64_t end = begin + ns_of(slice, "dur");
    EXPECT_GE(end, begin) << slice;
    while (!ends.empty() && ends.back() <= begin) ends.pop_back();
    if (!ends.empty()) {
      EXPECT_LE(end, ends.back()) << slice << " overlaps the slice before it";
    }
    ends.push_back(end);
  }
}

/// Every arrow has both ends, goes forward, leaves a call of submit and arrives where a task begins.
inline void expect_arrows_join(const nlohmann::json& trace) {
  std::map<std::uint64_t, nlohmann::json> tails;
  std::set<std::pair<Track, std::int64_t>> calls;
  std::set<std::pair<Track, std::int64_t>> tasks;
  for (const auto& slice : events_of(trace, "X"))
    (slice.at("cat") == "task" ? tasks : calls).emplace(track_of(slice), ns_of(slice));
  for (const auto& tail : events_of(trace, "s")) {
    EXPECT_TRUE(tails.emplace(tail.at("id"), tail).second) << tail << " comes twice";
    EXPECT_TRUE(calls.contains({track_of(tail), ns_of(tail)})) << tail;
  }
  EXPECT_EQ(tails.size(), tasks.size());
  for (const auto& head : events_of(trace, "f")) {
    const auto tail = tails.find(head.at("id"));
    ASSERT_NE(tail, tails.end()) << head << " has no tail, or a second head";
    EXPECT_LE(ns_of(tail->second), ns_of(head));
    EXPECT_EQ(head.at("bp"), "e");
    EXPECT_TRUE(tasks.contains({track_of(head), ns_of(head)})) << head;
    tails.erase(tail);
  }
  EXPECT_TRUE(tails.empty());
}

/// What the format and this project promise of every trace.
inline void expect_strict_trace(const nlohmann::json& trace) {
  EXPECT_EQ(trace.at("displayTimeUnit"), "ns");
  EXPECT_TRUE(trace.at("otherData").at("twinpool").is_string());
  std::int64_t last = 0;
  std::set<Track> named;
  std::set<int> processes;
  std::uint64_t tasks = 0;
  for (const auto& event : trace.at("traceEvents")) {
    const std::string phase = event.at("ph");
    const Track track = track_of(event);
    if (phase == "M") {
      if (event.at("name") == "thread_name") {
        EXPECT_TRUE(named.insert(track).second) << event;
      }
      if (event.at("name") == "process_name") {
        EXPECT_TRUE(processes.insert(track.first).second) << event;
      }
      continue;
    }
    EXPECT_TRUE(named.contains(track) && processes.contains(track.first)) << event << " is on no named row";
    EXPECT_GE(ns_of(event), last) << event << " is out of order";
    last = ns_of(event);
    tasks += phase == "X" && event.at("cat") == "submit" ? 1 : 0;
    if (phase == "C") {
      EXPECT_EQ(event.at("args").size(), 1u);
      EXPECT_TRUE(event.at("args").front().is_number_unsigned()) << event;
    }
    EXPECT_NE(std::string("XisfC").find(phase), std::string::npos) << event;
  }
  EXPECT_EQ(tasks, trace.at("otherData").at("tasks_shown"));
  expect_slices_nest(events_of(trace, "X"));
  expect_arrows_join(trace);
}

}  // namespace twinpool::bench
