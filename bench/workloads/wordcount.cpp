// SPDX-License-Identifier: Apache-2.0
#include "bench/workloads/wordcount.h"

#include <string>
#include <string_view>

#include "bench/workloads/text_file.h"
#include "bench/workloads/typed_flow.h"

namespace twinpool::bench {
namespace {

std::uint32_t count_words_in_slice(std::string_view path, std::uint64_t begin, std::uint64_t bytes) {
  return count_words(std::string(path), begin, bytes);
}

class Wordcount {
 public:
  using Result = std::uint32_t;
  Wordcount(Pool&, const FlowOptions& options)
      : path_(options.input), slice_bytes_(options.payload_bytes), expected_(options.words_in_slice) {
    if (expected_.empty()) throw std::runtime_error("the text of wordcount is empty");
  }
  Future<Result> submit(Intake& pool, std::uint64_t number) {
    return pool.submit<count_words_in_slice>(path_, number % expected_.size() * slice_bytes_, slice_bytes_);
  }
  [[nodiscard]] bool right(std::uint64_t number, Result result) const {
    return result == expected_[number % expected_.size()];
  }
  static std::uint64_t digest(Result result) { return result; }

 private:
  std::string path_;
  std::uint64_t slice_bytes_;
  std::vector<std::uint32_t> expected_;
};

}  // namespace

constinit const Workload kWordcount{
    .name = "wordcount",
    .family = "io",
    .sentence = "opens the --input file, reads one slice of it, counts the words that begin there",
    .exercises = "system calls and file input",
    .why = "both twins read the same page cache",
    .payload = "bytes of the file read by a task",
    .default_payload_bytes = 64 * 1024,
    .min_payload_bytes = 64,
    .expected = Expected::kNoDifference,
    .margin = 0.1,
    .open = &make_flow<Wordcount>};

}  // namespace twinpool::bench
