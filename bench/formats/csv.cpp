// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <cmath>
#include <iterator>

#include "bench/formats/format.h"
#include "bench/strategies.h"

// RFC 4180, but lines end in LF: what pandas, R, SQLite and awk read without being told.
namespace twinpool::bench {
namespace {

constexpr std::string_view kHeader =
    "workload,workers,parameters,window,payload_bytes,priority,strategy,stealing,backend,trial,tasks,wall_s,"
    "throughput_tasks_per_s,cpu_user_s,cpu_system_s,start_up_s,voluntary_switches,involuntary_switches,"
    "delivered,failed,lost,wrong,checksum,balanced,latency_n,latency_p50_s,latency_p90_s,latency_p99_s,"
    "latency_max_s,rest_pss_bytes,peak_pss_bytes,peak_uss_bytes,peak_rss_bytes,rate_tasks_per_s,arrivals,"
    "stall_s,"
    "stall_every_s,latency_p999_s,service_p50_s,service_p99_s,late_p99_s,late_max_s,closed_p99_s,closed_max_"
    "s\n";

/// A field with a comma, quote or line end in it has to stand in quotes.
std::string quote(std::string_view text) {
  if (text.find_first_of(",\"\r\n") == std::string_view::npos) return std::string(text);
  std::string quoted = "\"";
  for (const char letter : text) quoted += letter == '"' ? std::string("\"\"") : std::string(1, letter);
  return quoted + '"';
}

/// "batch=8;payload=64"
std::string parameters_of(const Cell& cell) {
  std::string text;
  for (std::size_t i = 0; i < cell.parameters.size(); ++i)
    text += fmt::format("{}{}={}", i == 0 ? "" : ";", cell.workload->parameters[i].name, cell.parameters[i]);
  return text;
}

std::string number(double value) { return std::isfinite(value) ? fmt::format("{}", value) : std::string(); }

std::string latency_fields(const Sample& sample) {
  const auto latency = latency_of(sample);
  if (!latency) return "0,,,,";
  return fmt::format("{},{},{},{},{}", latency->n, latency->p50, latency->p90, latency->p99, latency->max);
}

std::string memory_fields(const BackendResult& side) {
  std::string text = side.rest ? fmt::format("{},", side.rest->pss_bytes) : ",";
  return text + (side.peak ? fmt::format("{},{},{}", side.peak->pss_bytes, side.peak->uss_bytes,
                                         side.peak->rss_bytes)
                           : ",,");
}

/// Of an open loop; a closed one has none of them but, with many samples, p99.9.
std::string load_fields(const CellResult& cell, const Sample& sample) {
  const auto latency = latency_of(sample);
  const std::string p999 = latency && latency->p999 ? number(*latency->p999) : "";
  if (!sample.open || !cell.cell.open) return fmt::format(",,,,{},,,,,,", p999);
  const OpenLoad& load = *cell.cell.open;
  const auto seconds = [](std::chrono::nanoseconds length) {
    return std::chrono::duration<double>(length).count();
  };
  const OpenSample& open = *sample.open;
  const auto at = [](const LatencySpectrum& spectrum, double q) {
    return spectrum.count() == 0 ? "" : number(static_cast<double>(spectrum.percentile_ns(q)) * 1e-9);
  };
  const LatencySpectrum nothing;
  const LatencySpectrum& closed = open.closed ? open.closed->latency : nothing;
  return fmt::format("{},{},{},{},{},{},{},{},{},{},{}", number(open.offered_tasks_per_s),
                     name_of(load.arrivals), seconds(load.stall), seconds(load.stall_every), p999,
                     at(open.service, 0.5), at(open.service, 0.99), number(open.late_p99_s),
                     number(open.late_max_s), at(closed, 0.99), at(closed, 1));
}

}  // namespace

std::string write_csv(const Report& report) {
  std::string text(kHeader);
  for (const CellResult& result : report.results.cells) {
    const Cell& cell = result.cell;
    const std::string about = fmt::format("{},{},{},{},{},{},{},{}", quote(cell.workload->name), cell.workers,
                                          quote(parameters_of(cell)), cell.window, cell.payload_bytes,
                                          cell.priority ? std::to_string(*cell.priority) : "",
                                          name_of(cell.strategy), cell.stealing);
    for (const BackendResult& side : result.sides) {
      int trial = 0;
      for (const Sample& sample : side.samples) {
        fmt::format_to(
            std::back_inserter(text), "{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{:016x},{},{},{},{}\n",
            about, name_of(side.backend), ++trial, sample.tasks, number(sample.wall_s),
            number(sample.throughput_tasks_per_s), number(sample.cpu_user_s), number(sample.cpu_system_s),
            number(sample.start_up_s), sample.voluntary_switches, sample.involuntary_switches,
            sample.delivered, sample.failed, sample.lost, sample.wrong, sample.checksum, sample.balanced,
            latency_fields(sample), memory_fields(side), load_fields(result, sample));
      }
    }
  }
  return text;
}

}  // namespace twinpool::bench
