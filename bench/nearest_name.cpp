// SPDX-License-Identifier: Apache-2.0
#include "bench/nearest_name.h"

#include <algorithm>
#include <vector>

namespace twinpool::bench {
namespace {

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool begins_with(std::string_view word, std::string_view prefix) {
  return word.size() >= prefix.size() && std::equal(prefix.begin(), prefix.end(), word.begin(),
                                                    [](char x, char y) { return lower(x) == lower(y); });
}

}  // namespace

std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> two_back(b.size() + 1);
  std::vector<std::size_t> back(b.size() + 1);
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) back[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = back[j - 1] + (lower(a[i - 1]) == lower(b[j - 1]) ? 0 : 1);
      row[j] = std::min({back[j] + 1, row[j - 1] + 1, replaced});
      const bool swapped =
          i > 1 && j > 1 && lower(a[i - 1]) == lower(b[j - 2]) && lower(a[i - 2]) == lower(b[j - 1]);
      if (swapped) row[j] = std::min(row[j], two_back[j - 2] + 1);
    }
    two_back.swap(back);
    back.swap(row);
  }
  return back[b.size()];
}

std::optional<std::string> nearest_name(std::string_view typed, std::span<const std::string> known) {
  std::optional<std::string> nearest;
  std::size_t smallest = 0;
  for (const std::string& name : known) {
    const std::size_t distance = edit_distance(typed, name);
    const std::size_t most = std::max<std::size_t>(1, std::max(typed.size(), name.size()) / 3);
    const bool near = distance <= most && distance < std::max(typed.size(), name.size());
    const bool begins = typed.size() >= 2 && begins_with(name, typed);
    if ((near || begins) && (!nearest || distance < smallest)) {
      nearest = name;
      smallest = distance;
    }
  }
  return nearest;
}

std::string suggest_name(std::string_view typed, std::span<const std::string> known) {
  if (const auto name = nearest_name(typed, known)) return "; did you mean '" + *name + "'?";
  std::string text = "; known are";
  for (std::size_t i = 0; i < known.size(); ++i) text += (i == 0 ? " " : ", ") + known[i];
  return known.empty() ? "" : text;
}

}  // namespace twinpool::bench
