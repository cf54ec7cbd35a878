// SPDX-License-Identifier: Apache-2.0
#include "shared/event_queue.h"

#include <gtest/gtest.h>

#include <future>
#include <mutex>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace twinpool {
namespace {

Event event_of(int worker) {
  Event event;
  event.kind = EventKind::kWorkerReady;
  event.worker = worker;
  return event;
}

TEST(EventKind, HasOneNameEach) {
  std::set<std::string_view> names;
  for (int kind = 1; kind <= static_cast<int>(EventKind::kPoolDrained); ++kind)
    names.insert(name_of(static_cast<EventKind>(kind)));
  EXPECT_EQ(names.size(), static_cast<std::size_t>(EventKind::kPoolDrained));
  EXPECT_FALSE(names.contains("unknown"));
}

TEST(EventQueue, DeliversInOrderFromOneThreadAndSetsTheTime) {
  std::vector<int> workers;
  std::set<std::thread::id> threads;
  bool timed = true;
  EventQueue queue([&](const Event& event) {
    workers.push_back(event.worker);
    threads.insert(std::this_thread::get_id());
    timed = timed && event.when != decltype(event.when){};
  });
  EXPECT_TRUE(queue.listens());
  for (int i = 0; i < 100; ++i) queue.tell(event_of(i));
  queue.stop();
  ASSERT_EQ(workers.size(), 100U);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(workers[static_cast<std::size_t>(i)], i);
  EXPECT_EQ(threads.size(), 1U);
  EXPECT_FALSE(threads.contains(std::this_thread::get_id()));
  EXPECT_TRUE(timed);
  EXPECT_EQ(queue.dropped(), 0U);
}

TEST(EventQueue, WithoutACallbackKeepsAndCountsNothing) {
  EventQueue queue(nullptr);
  EXPECT_FALSE(queue.listens());
  queue.tell(event_of(1));
  queue.stop();
  EXPECT_EQ(queue.dropped(), 0U);
}

TEST(EventQueue, SurvivesCallbacksThatThrow) {
  int calls = 0;
  EventQueue queue([&](const Event& event) {
    ++calls;
    if (event.worker == 0) throw std::runtime_error("no");
    if (event.worker == 1) throw 7;
  });
  for (int i = 0; i < 3; ++i) queue.tell(event_of(i));
  queue.stop();
  EXPECT_EQ(calls, 3);
  EXPECT_EQ(queue.failures(), 2U);
}

TEST(EventQueue, DropsWhatASlowCallbackLeavesNoRoomFor) {
  std::promise<void> entered;
  std::promise<void> go_on;
  auto may_go_on = go_on.get_future().share();
  std::size_t calls = 0;
  EventQueue queue([&](const Event&) {
    if (calls++ == 0) entered.set_value();
    may_go_on.wait();
  });
  queue.tell(event_of(0));
  entered.get_future().wait();
  for (std::size_t i = 0; i < EventQueue::kCapacity + 5; ++i) queue.tell(event_of(1));
  EXPECT_EQ(queue.dropped(), 5U);
  go_on.set_value();
  queue.stop();
  EXPECT_EQ(calls, EventQueue::kCapacity + 1);
  queue.tell(event_of(2));
  EXPECT_EQ(queue.dropped(), 6U);
}

TEST(EventQueue, ACallbackMayTellEventsItself) {
  std::vector<int> workers;
  std::promise<void> both;
  EventQueue* self = nullptr;
  std::mutex ready;
  std::unique_lock lock(ready);
  EventQueue queue([&](const Event& event) {
    const std::lock_guard wait_for_self(ready);
    workers.push_back(event.worker);
    if (event.worker == 1) self->tell(event_of(2));
    if (event.worker == 2) both.set_value();
  });
  self = &queue;
  lock.unlock();
  queue.tell(event_of(1));
  both.get_future().wait();
  queue.stop();
  EXPECT_EQ(workers, (std::vector{1, 2}));
}

}  // namespace
}  // namespace twinpool
