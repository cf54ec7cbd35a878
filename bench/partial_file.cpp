// SPDX-License-Identifier: Apache-2.0
#include "bench/partial_file.h"

#include <fmt/format.h>
#include <unistd.h>

#include <system_error>
#include <utility>

#include "bench/reporters/json.h"
#include "bench/reporters/output_file.h"

namespace twinpool::bench {
namespace {

constexpr char kSuffix[] = ".partial";
constexpr std::chrono::seconds kBetweenWrites{30};  // within a cell

}  // namespace

std::string partial_path(const std::string& json_path) { return json_path + kSuffix; }

std::string without_partial_suffix(const std::string& path) {
  return path.ends_with(kSuffix) ? path.substr(0, path.size() - (sizeof kSuffix - 1)) : path;
}

PartialFile::PartialFile(Progress& inner, std::string path, std::vector<std::string> command)
    : inner_(inner), path_(std::move(path)), command_(std::move(command)) {}

PartialFile::~PartialFile() {
  if (written_)
    fmt::print(stderr, "What was measured is in '{}'; --resume {} goes on from there.\n", path_, path_);
}

void PartialFile::control(const BenchResults& results) { inner_.control(results); }
void PartialFile::cell_begins(const BenchResults& results) { inner_.cell_begins(results); }

void PartialFile::pair_done(const BenchResults& results, std::size_t pair) {
  inner_.pair_done(results, pair);
  if (std::chrono::steady_clock::now() - last_ > kBetweenWrites) write(results);
}

void PartialFile::cell_done(const BenchResults& results) {
  inner_.cell_done(results);
  write(results);
}

void PartialFile::finished() { inner_.finished(); }

void PartialFile::write(const BenchResults& results) {
  if (path_.empty()) return;
  last_ = std::chrono::steady_clock::now();
  nlohmann::json document = make_report(results, command_);
  document["partial"] = true;
  document["crash"] = nullptr;
  try {
    OutputFile(path_).commit(print_document(document));
    written_ = true;
  } catch (const std::system_error& error) {
    fmt::print(stderr, "\nwarning: {}; the run goes on, and keeps its results in memory only\n",
               error.what());
    path_.clear();
  }
}

void PartialFile::discard() {
  if (std::exchange(written_, false)) unlink(path_.c_str());
}

}  // namespace twinpool::bench
