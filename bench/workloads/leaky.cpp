// SPDX-License-Identifier: Apache-2.0
#include <cstdlib>
#include <new>

#include "bench/workloads/catalogue.h"
#include "bench/workloads/mix.h"
#include "shared/options.h"

// There in a program built with a leak checker, which is to let this leak be: it is meant.
extern "C" void __lsan_ignore_object(const void* memory) __attribute__((weak));

namespace twinpool::bench {
namespace {

constexpr Parameter kParameters[] = {
    {"leak", "bytes that a task never frees", 16'384, 0, 1 << 20},
    {"recycle", "tasks after which a worker is replaced", 200, 1, 1'000'000'000}};
constexpr std::size_t kPage = 4096;
constexpr int kSteps = 20'000;  // a leak is a small part of what a task does

std::size_t leak = 16'384;
void set_up(const Settings& settings) { leak = settings["leak"]; }
void shape(PoolOptions& options, const Settings& settings) {
  options.recycling.max_tasks = settings["recycle"];
}

unsigned char* volatile lost = nullptr;  // hides the leak from the optimizer

std::uint64_t work(std::uint64_t number) {
  auto* const memory = static_cast<unsigned char*>(std::malloc(leak + 1));
  if (memory == nullptr) throw std::bad_alloc();
  for (std::size_t at = 0; at <= leak; at += kPage) memory[at] = 1;
  lost = memory;
  if (&__lsan_ignore_object != nullptr) __lsan_ignore_object(memory);
  std::uint64_t x = number;
  for (int step = 0; step < kSteps; ++step) x = mix(x);
  return x;
}

}  // namespace

constinit const Workload kLeaky{
    .name = "leaky",
    .family = "life",
    .sentence = "works and leaks 16 KiB, in workers that are replaced after 200 tasks",
    .exercises = "recycling as a cure for leaks; see memory at peak",
    .why = "a fresh process costs more than a fresh thread, and is the only one that gives the memory back",
    .parameters = kParameters,
    .expected = Expected::kThreads,
    .margin = 0.1,
    .set_up = &set_up,
    .shape = &shape,
    .task = &work};

}  // namespace twinpool::bench
