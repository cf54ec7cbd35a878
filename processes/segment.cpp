// SPDX-License-Identifier: Apache-2.0
#include "processes/segment.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <boost/interprocess/exceptions.hpp>
#include <cerrno>
#include <string>
#include <system_error>
#include <utility>

namespace twinpool::processes {
namespace {

namespace bi = boost::interprocess;

constexpr std::uint64_t kPage = 4096;

std::uint64_t round_up(std::uint64_t value, std::uint64_t unit) { return (value + unit - 1) / unit * unit; }

[[noreturn]] void fail(int error, const std::string& tried) {
  throw std::system_error(error, std::generic_category(), tried);
}

/// Lets Boost.Interprocess map a descriptor that it did not open.
struct MemoryFile {
  int fd;
  [[nodiscard]] bi::mapping_handle_t get_mapping_handle() const { return {fd, false}; }
  [[nodiscard]] static bi::mode_t get_mode() { return bi::read_write; }
};

bi::mapped_region map(const Descriptor& file, std::uint64_t bytes) {
  try {
    return {MemoryFile{file.get()}, bi::read_write, 0, bytes, nullptr, MAP_SHARED | MAP_NORESERVE};
  } catch (const bi::interprocess_exception& error) {
    fail(error.get_native_error(), "map " + std::to_string(bytes) + " bytes of shared memory");
  }
}

bool allocate(int fd, std::uint64_t offset, std::uint64_t bytes) {
  // An interrupted fallocate may undo what it has done: in steps, a program with many signals still gets on.
  constexpr std::uint64_t kStep = std::uint64_t{16} << 20;
  for (const std::uint64_t end = offset + bytes; offset < end; offset += kStep) {
    const auto step = static_cast<off_t>(std::min(kStep, end - offset));
    while (::fallocate(fd, 0, static_cast<off_t>(offset), step) != 0) {
      if (errno != EINTR) return false;
    }
  }
  return true;
}

void check_file_size_limit(std::uint64_t bytes) {
  // A memfd counts as a file: past RLIMIT_FSIZE the kernel sends SIGXFSZ instead of an error.
  rlimit limit{};
  if (::getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur < bytes) {
    fail(EFBIG, "reserve " + std::to_string(bytes) +
                    " bytes of shared memory: the file size limit (ulimit -f) is " +
                    std::to_string(limit.rlim_cur) + " bytes; raise it or lower max_shared_bytes");
  }
}

}  // namespace

Descriptor& Descriptor::operator=(Descriptor&& other) noexcept {
  if (this != &other) {
    if (fd_ >= 0) ::close(fd_);
    fd_ = other.release();
  }
  return *this;
}

Descriptor::~Descriptor() {
  if (fd_ >= 0) ::close(fd_);
}

int Descriptor::release() { return std::exchange(fd_, -1); }

Segment::Segment(Descriptor file, bi::mapped_region region)
    : file_(std::move(file)), region_(std::move(region)) {}

Segment Segment::create(const SegmentShape& shape) {
  // Entries of cancelled tasks stay in a ring until its head passes them, so it has twice the room.
  const auto ring = std::bit_ceil(std::uint64_t{shape.slots} * 2);
  const auto seats = static_cast<std::uint64_t>(shape.workers);
  const auto workers_at = round_up(sizeof(SegmentHeader), kPage);
  const auto records = 2 * seats + static_cast<std::uint64_t>(shape.spares);
  const auto slots_at = round_up(workers_at + sizeof(WorkerRecord) * records, kPage);
  const auto ring_at = round_up(slots_at + sizeof(Slot) * shape.slots, kPage);
  const auto done_at = ring_at + sizeof(SlotRef) * ring;
  const auto payload_at = round_up(done_at + (shape.slots + 63) / 64 * 8, kPage);
  // From here on only what is used takes memory.
  const auto queues_at = payload_at + round_up(shape.payload_bytes, kPage);
  const auto rings_at = queues_at + kQueueStride * (seats + 1);
  const auto functions_at =
      rings_at + round_up(sizeof(SlotRef) * ring, kPage) * kPriorityLevels * (seats + 1);
  const auto total = functions_at + round_up(sizeof(FunctionCells) * kCountedFunctions, kPage);
  check_file_size_limit(total);

  Descriptor file(::memfd_create("twinpool", MFD_CLOEXEC));
  if (!file.open()) fail(errno, "make shared memory (memfd_create)");
  if (::ftruncate(file.get(), static_cast<off_t>(total)) != 0) {
    fail(errno, "size shared memory to " + std::to_string(total) + " bytes");
  }
  if (!allocate(file.get(), 0, payload_at)) {
    fail(errno,
         "reserve " + std::to_string(payload_at) + " bytes of shared memory for the pool's control part");
  }
  auto region = map(file, total);
  Segment segment(std::move(file), std::move(region));
  ::madvise(segment.region_.get_address(), payload_at, MADV_POPULATE_WRITE);  // only saves faults later
  auto* const header = static_cast<SegmentHeader*>(segment.region_.get_address());
  header->magic = kSegmentMagic;
  header->seats = static_cast<std::uint32_t>(shape.workers);
  header->spares = static_cast<std::uint32_t>(shape.spares);
  header->worker_words = static_cast<std::uint32_t>((2 * shape.workers + 63) / 64);
  header->slot_count = shape.slots;
  header->ring_mask = static_cast<std::uint32_t>(ring - 1);
  header->workers_offset = workers_at;
  header->slots_offset = slots_at;
  header->ring_offset = ring_at;
  header->done_offset = done_at;
  header->payload_offset = payload_at;
  header->payload_bytes = queues_at - payload_at;
  header->queues_offset = queues_at;
  header->rings_offset = rings_at;
  header->functions_offset = functions_at;
  header->stealing = 1;
  header->wanted.store(header->seats, std::memory_order_relaxed);
  header->workers_min.store(header->seats, std::memory_order_relaxed);
  header->workers_max.store(header->seats, std::memory_order_relaxed);
  segment.lay_out();
  return segment;
}

Segment Segment::attach(Descriptor file) {
  const off_t bytes = ::lseek(file.get(), 0, SEEK_END);
  if (bytes < static_cast<off_t>(sizeof(SegmentHeader)))
    fail(EINVAL, "attach to shared memory that is too small");
  auto region = map(file, static_cast<std::uint64_t>(bytes));
  Segment segment(std::move(file), std::move(region));
  if (static_cast<const SegmentHeader*>(segment.region_.get_address())->magic != kSegmentMagic) {
    fail(EINVAL, "attach to shared memory that is no twinpool segment");
  }
  segment.lay_out();
  return segment;
}

void Segment::lay_out() {
  auto* const base = static_cast<std::byte*>(region_.get_address());
  header_ = reinterpret_cast<SegmentHeader*>(base);
  workers_ = reinterpret_cast<WorkerRecord*>(base + header_->workers_offset);
  slots_ = reinterpret_cast<Slot*>(base + header_->slots_offset);
  ring_ = reinterpret_cast<std::atomic<SlotRef>*>(base + header_->ring_offset);
  ring_mask_ = header_->ring_mask;
  ring_stride_ = round_up(sizeof(SlotRef) * (ring_mask_ + 1), kPage);
  queues_ = base + header_->queues_offset;
  rings_ = base + header_->rings_offset;
  functions_ = reinterpret_cast<FunctionCells*>(base + header_->functions_offset);
  done_ = reinterpret_cast<std::atomic<std::uint64_t>*>(base + header_->done_offset);
  seat_count_ = static_cast<int>(header_->seats);
  spare_count_ = static_cast<int>(header_->spares);
  slot_count_ = header_->slot_count;
  payload_ = {base + header_->payload_offset, header_->payload_bytes};
  // A crashing worker would otherwise write the whole segment into its core file before anybody learns of its
  // death.
  ::madvise(base, region_.get_size(), MADV_DONTDUMP);
}

std::string Segment::name_of(int place) const {
  return place < place_count() ? "worker " + std::to_string(seat_of(place))
                               : "hot spare " + std::to_string(place - place_count());
}

bool Segment::reserve(const void* from, std::uint64_t bytes) const {
  auto* const base = static_cast<std::byte*>(region_.get_address());
  const auto offset = static_cast<std::uint64_t>(static_cast<const std::byte*>(from) - base);
  const std::uint64_t first = offset / kPage * kPage;
  const std::uint64_t last = round_up(offset + bytes, kPage);
  if (!allocate(file_.get(), first, last - first)) return false;
  // Entering the pages here costs a fifth of what faulting them one by one costs; failing to is no harm.
  ::madvise(base + first, last - first, MADV_POPULATE_WRITE);
  return true;
}

bool Segment::reserve_payload(std::uint64_t offset, std::uint64_t bytes) const {
  return reserve(payload_.data() + offset, bytes);
}

bool Segment::reserve_queues() const {
  return reserve(queues_, kQueueStride * (static_cast<std::uint64_t>(seat_count_) + 1));
}

bool Segment::reserve_ring(int queue_number, int level) const {
  return reserve(ring_entries(queue_number, level), sizeof(SlotRef) * (ring_mask_ + 1));
}

bool Segment::reserve_function(std::uint32_t sequence) const {
  return reserve(&function_times(sequence), sizeof(FunctionCells));
}

}  // namespace twinpool::processes
