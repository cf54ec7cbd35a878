// SPDX-License-Identifier: Apache-2.0
// Hot spares: workers that are forked and set up ahead, and take the seat of one that has died.
#include <algorithm>
#include <utility>

#include "processes/door.h"
#include "processes/staff.h"

namespace twinpool::processes {

/// Gives an empty seat to a hot spare that stands by. Gives: whether there was one.
///
/// From here on it is that place's worker in all books; the order to begin comes last, so a spare that is killed
/// at any moment was either still a spare or is a worker that has died.
bool Staff::promote(int place, int seat_index) {
  const auto found = std::find_if(places_.begin() + segment_.place_count(), places_.end(), [](const Place& spare) {
    return spare.post == Post::kStandingBy && !spare.stopped;
  });
  if (found == places_.end()) return false;
  Place& spare = *found;
  const int from = static_cast<int>(found - places_.begin());
  Place fresh = fresh_at(place);
  fresh.pid = std::exchange(spare.pid, 0);
  fresh.generation = spare.generation;  // it was set up before a reload that has come meanwhile
  fresh.recycling = spare.recycling;
  fresh.came_from = from;
  spare.post = Post::kMoved;
  at(place) = fresh;
  const auto now = scoreboard_time(fresh.born);
  context_.board->entry(from).leave(WorkerState::kAbsent, now);
  context_.board->entry(place).arrive(fresh.pid, static_cast<std::uint32_t>(seat_index), now);
  record(from).pid.store(0, std::memory_order_relaxed);
  record(place).pid.store(static_cast<std::uint32_t>(fresh.pid), std::memory_order_release);
  header_.alive.fetch_add(1, std::memory_order_seq_cst);
  occupy(seat_index, place);
  record(from).take_place.store(static_cast<std::uint32_t>(place) + 1, std::memory_order_release);
  knock(record(from));
  return true;
}

/// The record in which a worker stood by is free when it has read its order, or is dead.
void Staff::release_record(Place& moved) {
  if (const int from = std::exchange(moved.came_from, -1); from >= 0) at(from) = {};
}

bool Staff::spare_missing() const {
  return present() >= wanted_ &&
         std::any_of(places_.begin() + segment_.place_count(), places_.end(),
                     [](const Place& spare) { return spare.post == Post::kEmpty; });
}

/// Seats come first: no spare is forked while one of them is empty.
void Staff::fill_spares() {
  if (present() < wanted_) return;
  for (int i = segment_.place_count(); i < segment_.record_count(); ++i) {
    const auto now = Clock::now();
    if (at(i).post != Post::kEmpty) continue;
    if (policy_.next_start() > now) return;
    policy_.started(now);
    if (!start(i, seats() + i - segment_.place_count(), -1)) return;
  }
}

/// Spares that were set up before a reload leave; fresh ones follow.
void Staff::send_home_spares_before(std::uint32_t generation) {
  for (int i = segment_.place_count(); i < segment_.record_count(); ++i) {
    if (at(i).post == Post::kStandingBy && at(i).generation != generation) order_leave(i, Leave::kRecycled);
  }
}

}  // namespace twinpool::processes
