// SPDX-License-Identifier: Apache-2.0
#include "shared/scoreboard_reader.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <memory>
#include <stdexcept>
#include <system_error>
#include <utility>

namespace twinpool {
namespace {

std::string printable(std::string text) {
  std::replace_if(
      text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < ' ' || c == 0x7f; }, '?');
  return text;
}

/// Reads what others may be writing: the compiler must not read it twice.
template <typename T>
T read_once(const T& field) {
  return __atomic_load_n(&field, __ATOMIC_RELAXED);
}

/// What is wrong with a header; empty: nothing. Version 1 has one layout only, so what the header says of it has to
/// be just that.
std::string complaint_about(const ScoreboardHeader& header, std::size_t bytes, std::uint32_t places) {
  if (__atomic_load_n(&header.magic, __ATOMIC_ACQUIRE) != kScoreboardMagic) return "is no scoreboard";
  const auto version = read_once(header.version);
  if (version != kScoreboardVersion)
    return "is a scoreboard of version " + std::to_string(version) + "; this program reads version " +
           std::to_string(kScoreboardVersion);
  const bool as_laid_out =
      read_once(header.header_bytes) == sizeof(ScoreboardHeader) && read_once(header.total_bytes) == bytes &&
      read_once(header.functions_offset) == kScoreboardFunctionsAt &&
      read_once(header.function_bytes) == sizeof(ScoreboardFunction) &&
      read_once(header.function_count) == kScoreboardFunctions &&
      read_once(header.entries_offset) == kScoreboardEntriesAt &&
      read_once(header.entry_bytes) == sizeof(ScoreboardEntry) && read_once(header.entry_count) == places;
  return as_laid_out ? "" : "is a broken scoreboard: its header does not fit its size";
}

WorkerState state_of(std::uint32_t written) {
  return written <= static_cast<std::uint32_t>(WorkerState::kSpare) ? static_cast<WorkerState>(written)
                                                                      : WorkerState::kLost;
}

std::int64_t monotonic_now_ns() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

/// A duration up to now; what lies ahead of now counts as 0.
std::chrono::nanoseconds until(std::int64_t now_ns, std::int64_t then_ns) {
  return std::chrono::nanoseconds(then_ns > 0 && then_ns < now_ns ? now_ns - then_ns : 0);
}

}  // namespace

Scoreboard::Scoreboard(const std::string& path) {
  // A path may name anything: a pipe must not make the reader wait, a terminal must not become its own.
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (fd < 0) throw std::system_error(errno, std::generic_category(), "cannot open scoreboard '" + path + "'");
  try {
    map(fd, path);
  } catch (...) {
    ::close(fd);
    throw;
  }
  ::close(fd);
  const auto complaint = complaint_about(*reinterpret_cast<const ScoreboardHeader*>(memory_), bytes_, places_);
  if (complaint.empty()) return;
  ::munmap(const_cast<std::byte*>(memory_), bytes_);
  throw std::runtime_error("'" + path + "' " + complaint);
}

void Scoreboard::map(int fd, const std::string& path) {
  struct stat file {};
  const int seals = ::fcntl(fd, F_GET_SEALS);
  // Without the seal its maker could cut it off under the reader, who would die of SIGBUS.
  if (::fstat(fd, &file) != 0 || !S_ISREG(file.st_mode) || seals < 0 || (seals & F_SEAL_SHRINK) == 0)
    throw std::runtime_error("'" + path + "' is no scoreboard");
  const auto bytes = static_cast<std::uint64_t>(file.st_size);
  if (bytes < kScoreboardEntriesAt + sizeof(ScoreboardEntry) ||
      (bytes - kScoreboardEntriesAt) % sizeof(ScoreboardEntry) != 0 ||
      bytes > kScoreboardEntriesAt + kScoreboardMaxEntries * sizeof(ScoreboardEntry))
    throw std::runtime_error("'" + path + "' is no scoreboard of this version: it has the wrong size");
  void* const memory = ::mmap(nullptr, bytes, PROT_READ, MAP_SHARED, fd, 0);
  if (memory == MAP_FAILED)
    throw std::system_error(errno, std::generic_category(), "cannot map scoreboard '" + path + "'");
  memory_ = static_cast<const std::byte*>(memory);
  bytes_ = bytes;
  places_ = static_cast<std::uint32_t>((bytes - kScoreboardEntriesAt) / sizeof(ScoreboardEntry));
}

Scoreboard::Scoreboard(Scoreboard&& other) noexcept
    : memory_(std::exchange(other.memory_, nullptr)), bytes_(other.bytes_), places_(other.places_) {}

Scoreboard::~Scoreboard() {
  if (memory_ != nullptr) ::munmap(const_cast<std::byte*>(memory_), bytes_);
}

const ScoreboardEntry& Scoreboard::entry(std::uint32_t place) const {
  return *reinterpret_cast<const ScoreboardEntry*>(memory_ + kScoreboardEntriesAt + place * sizeof(ScoreboardEntry));
}

std::string Scoreboard::function_name(std::uint32_t number) const {
  const std::string by_number = "function " + std::to_string(number);
  if (number >= kScoreboardFunctions) return by_number;
  const auto& function = *reinterpret_cast<const ScoreboardFunction*>(memory_ + kScoreboardFunctionsAt +
                                                                      number * sizeof(ScoreboardFunction));
  const std::size_t length = function.length.load(std::memory_order_acquire);
  if (length == 0 || length > ScoreboardFunction::kMost) return by_number;
  std::array<char, ScoreboardFunction::kMost> text{};
  for (std::size_t at = 0; at < text.size(); at += 8) {
    const std::uint64_t eight = function.text[at / 8].load(std::memory_order_relaxed);
    std::memcpy(text.data() + at, &eight, 8);
  }
  return printable(std::string(text.data(), length));
}

ScoreboardSnapshot Scoreboard::read() const {
  const auto& header = *reinterpret_cast<const ScoreboardHeader*>(memory_);
  const std::int64_t now_ns = monotonic_now_ns();
  ScoreboardSnapshot shot;
  shot.owner_pid = read_once(header.owner_pid);
  shot.backend = static_cast<ScoreboardBackend>(read_once(header.backend));
  shot.seats = static_cast<int>(std::min<std::uint32_t>(read_once(header.seats), places_));
  shot.flags = header.flags.load(std::memory_order_relaxed);
  shot.up = until(now_ns, read_once(header.started_monotonic_ns));
  for (const char& letter : header.pool_name) {
    const char copied = read_once(letter);
    if (copied == '\0') break;
    shot.pool_name.push_back(copied);
  }
  shot.pool_name = printable(std::move(shot.pool_name));
  shot.workers.reserve(places_);
  for (std::uint32_t place = 0; place < places_; ++place) {
    const ScoreboardEntry& from = entry(place);
    ScoreboardWorker worker;
    worker.place = static_cast<int>(place);
    worker.seat = static_cast<int>(std::min(from.seat.load(std::memory_order_relaxed), kScoreboardMaxEntries));
    worker.id = from.id.load(std::memory_order_relaxed);
    worker.state = state_of(from.state.load(std::memory_order_relaxed));
    if (const auto function = from.function.load(std::memory_order_relaxed); function != 0)
      worker.function = function_name(function - 1);
    if (const auto since_ns = from.since_ns.load(std::memory_order_relaxed); since_ns != 0)
      worker.in_state = until(now_ns, since_ns);
    worker.tasks = from.tasks.load(std::memory_order_relaxed);
    worker.generation = from.generation.load(std::memory_order_relaxed);
    worker.recycled = from.recycled.load(std::memory_order_relaxed);
    for (std::size_t cause = 0; cause < kDeathCauses; ++cause)
      worker.deaths[cause] = from.deaths[cause].load(std::memory_order_relaxed);
    worker.last_signal = from.last_signal.load(std::memory_order_relaxed);
    worker.last_restart_delay =
        std::chrono::milliseconds(from.last_restart_delay_ms.load(std::memory_order_relaxed));
    shot.workers.push_back(std::move(worker));
  }
  return shot;
}

std::vector<std::string> find_scoreboards(int pid) {
  const std::string folder = "/proc/" + std::to_string(pid) + "/fd";
  const std::unique_ptr<DIR, int (*)(DIR*)> open(::opendir(folder.c_str()), &::closedir);
  if (open == nullptr) {
    const int error = errno == ENOENT ? ESRCH : errno;
    throw std::system_error(error, std::generic_category(), "cannot look into process " + std::to_string(pid));
  }
  const std::string wanted = "/memfd:" + std::string(kScoreboardName) + " (deleted)";
  std::vector<std::pair<int, ino_t>> found;
  while (const dirent* const one = ::readdir(open.get())) {
    const std::string path = folder + "/" + one->d_name;
    std::array<char, 128> target{};
    // A descriptor that is closed meanwhile is no longer there to be found.
    const auto length = ::readlink(path.c_str(), target.data(), target.size());
    if (length < 0 || std::string_view(target.data(), static_cast<std::size_t>(length)) != wanted) continue;
    struct stat file {};
    if (::stat(path.c_str(), &file) != 0) continue;
    found.emplace_back(std::atoi(one->d_name), file.st_ino);
  }
  std::sort(found.begin(), found.end());
  std::vector<std::string> paths;
  std::vector<ino_t> known;
  for (const auto& [number, inode] : found) {
    if (std::find(known.begin(), known.end(), inode) != known.end()) continue;
    known.push_back(inode);
    paths.push_back(folder + "/" + std::to_string(number));
  }
  return paths;
}

}  // namespace twinpool
