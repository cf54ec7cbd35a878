// SPDX-License-Identifier: Apache-2.0
#include "bench/workloads/kernel.h"

#include <stdexcept>

#include "bench/workload.h"
#include "bench/workloads/typed_flow.h"

namespace twinpool::bench {
namespace {

using Function = std::uint64_t (*)(std::uint64_t);
static_assert(sizeof(Function) == sizeof(std::uint64_t));

std::uint64_t run_kernel(std::uint64_t address, std::uint64_t number) {
  return reinterpret_cast<Function>(address)(number);
}

class Kernel {
 public:
  using Result = std::uint64_t;
  Kernel(Pool&, const FlowOptions& options) : workload_(options.workload) {
    if (workload_ == nullptr || workload_->task == nullptr)
      throw std::invalid_argument("the flow's options name no workload with a task");
  }
  Future<Result> submit(Intake& pool, std::uint64_t number) const {
    return pool.submit<run_kernel>(reinterpret_cast<std::uint64_t>(workload_->task), number);
  }
  [[nodiscard]] bool right(std::uint64_t number, Result result) const {
    return workload_->answer == nullptr || workload_->answer(number) == result;
  }
  // Many kernels give mix(number), which the flow's own mix(number) would cancel.
  static std::uint64_t digest(Result result) { return mix(~result); }

 private:
  const Workload* workload_;
};

}  // namespace

std::unique_ptr<Flow> open_kernel(Pool& pool, const FlowOptions& options) {
  return make_flow<Kernel>(pool, options);
}

}  // namespace twinpool::bench
