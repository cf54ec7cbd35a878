// SPDX-License-Identifier: Apache-2.0
#include "bench/peers/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "bench/reporters/text_table.h"
#include "bench/statistics.h"

namespace twinpool::bench::peers {
namespace {

using Align = TextTable::Align;

const std::vector<double>* find(const Figures& figures, const std::string& figure, const std::string& peer) {
  const auto row = figures.find(figure);
  if (row == figures.end()) return nullptr;
  const auto cell = row->second.find(peer);
  return cell == row->second.end() ? nullptr : &cell->second;
}

std::string time_of(double ns) {
  if (ns < 9.95) return fmt::format("{:.1f} ns", ns);
  if (ns < 9995) return fmt::format("{:.0f} ns", ns);
  if (ns < 9.995e5) return fmt::format("{:.3g} us", ns / 1e3);
  if (ns < 9.995e8) return fmt::format("{:.3g} ms", ns / 1e6);
  return fmt::format("{:.3g} s", ns / 1e9);
}

/// "412 ns ± 3 %".
std::string cell_of(const std::vector<double>& values) {
  std::vector<double> sorted = values;
  std::sort(sorted.begin(), sorted.end());
  const double middle = median(sorted);
  const double spread = (percentile(sorted, 0.75) - percentile(sorted, 0.25)) / 2;
  return fmt::format("{} ± {:2.0f} %", time_of(middle), 100 * spread / middle);
}

std::vector<std::string> figures_of(const std::vector<Discipline>& disciplines, bool payload) {
  std::vector<std::string> figures;
  for (const Discipline& discipline : disciplines) {
    if (discipline.payload != payload) continue;
    figures.insert(figures.end(), discipline.figures.begin(), discipline.figures.end());
  }
  return figures;
}

bool takes_part(const Figures& figures, const std::vector<std::string>& columns, const Peer& peer) {
  return std::any_of(columns.begin(), columns.end(), [&](const std::string& figure) {
    return find(figures, figure, peer.name) != nullptr;
  });
}

void describe_table(std::string& text, const std::vector<Peer>& peers, const std::vector<std::string>& columns,
                    const Figures& figures) {
  // No more in one table: wider ones break in a terminal.
  constexpr std::size_t kColumns = 4;
  for (std::size_t from = 0; from < columns.size(); from += kColumns) {
    const std::vector<std::string> some(columns.begin() + static_cast<std::ptrdiff_t>(from),
                                        columns.begin() + static_cast<std::ptrdiff_t>(
                                                              std::min(columns.size(), from + kColumns)));
    std::vector<Align> aligns(some.size() + 1, Align::kRight);
    aligns.front() = Align::kLeft;
    TextTable table(std::move(aligns));
    std::vector<std::string> head{""};
    head.insert(head.end(), some.begin(), some.end());
    table.add(head);
    for (const Peer& peer : peers) {
      if (!takes_part(figures, some, peer)) continue;
      std::vector<std::string> row{peer.name};
      for (const std::string& figure : some) {
        const auto* const values = find(figures, figure, peer.name);
        row.push_back(values != nullptr ? cell_of(*values) : "-");
      }
      table.add(std::move(row));
    }
    text += table.str() + "\n";
  }
}

void markdown_table(std::string& text, const std::vector<Peer>& peers, const std::vector<std::string>& columns,
                    const Figures& figures) {
  text += "| |";
  for (const std::string& figure : columns) text += " " + figure + " |";
  text += "\n| --- |";
  for (std::size_t i = 0; i < columns.size(); ++i) text += " ---: |";
  text += "\n";
  for (const Peer& peer : peers) {
    if (!takes_part(figures, columns, peer)) continue;
    const bool ours = peer.name.rfind("twinpool", 0) == 0;
    text += ours ? "| **" + peer.name + "** |" : "| " + peer.name + " |";
    for (const std::string& figure : columns) {
      const auto* const values = find(figures, figure, peer.name);
      text += " " + (values != nullptr ? time_of(median(*values)) : std::string("-")) + " |";
    }
    text += "\n";
  }
}

}  // namespace

std::string describe(const std::vector<Peer>& peers, const std::vector<Discipline>& disciplines,
                     const Figures& figures) {
  std::string text;
  for (const bool payload : {false, true}) {
    describe_table(text, peers, figures_of(disciplines, payload), figures);
  }
  for (const Peer& peer : peers) {
    if (!peer.note.empty()) text += peer.name + ": " + peer.note + ".\n";
  }
  return text;
}

std::string markdown(const std::vector<Peer>& peers, const std::vector<Discipline>& disciplines,
                     const Figures& figures) {
  std::string text;
  for (const bool payload : {false, true}) {
    markdown_table(text, peers, figures_of(disciplines, payload), figures);
    text += "\n";
  }
  for (const Peer& peer : peers) {
    if (!peer.note.empty()) text += "- " + peer.name + ": " + peer.note + ".\n";
  }
  return text;
}

std::string json(const std::vector<Peer>& peers, const Figures& figures, const ContestOptions& options,
                 int workers) {
  nlohmann::json out;
  out["workers"] = workers;
  out["rounds"] = options.rounds;
  out["case_s"] = options.case_s;
  out["seed"] = options.seed;
  out["unit"] = "ns";
  for (const Peer& peer : peers) {
    const char* const kind = peer.kind == Kind::kThreads     ? "threads"
                             : peer.kind == Kind::kProcesses ? "processes"
                                                             : "limit";
    out["peers"].push_back({{"name", peer.name}, {"kind", kind}, {"note", peer.note}});
  }
  out["figures"] = figures;
  return out.dump(1) + "\n";
}

std::string plot_data(const std::vector<Peer>& peers, const std::vector<Discipline>& disciplines,
                      const Figures& figures) {
  const auto columns = figures_of(disciplines, false);
  std::string text = "contestant";
  for (const std::string& figure : columns) text += "\t" + figure;
  text += "\n";
  for (const Peer& peer : peers) {
    if (!takes_part(figures, columns, peer)) continue;
    text += peer.name;
    for (const std::string& figure : columns) {
      const auto* const values = find(figures, figure, peer.name);
      text += values != nullptr ? fmt::format("\t{:.1f}", median(*values)) : "\tNaN";
    }
    text += "\n";
  }
  return text;
}

}  // namespace twinpool::bench::peers
