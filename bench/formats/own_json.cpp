// SPDX-License-Identifier: Apache-2.0
#include "bench/diff.h"
#include "bench/fault_report.h"
#include "bench/formats/format.h"
#include "bench/reporters/json.h"

namespace twinpool::bench {

std::string write_json(const Report& report) {
  nlohmann::json document = make_report(report.results, report.command);
  document["crash"] = report.crash != nullptr ? to_json(*report.crash) : nlohmann::json();
  if (report.comparison != nullptr) document["comparison"] = to_json(*report.comparison);
  return print_document(document);
}

}  // namespace twinpool::bench
