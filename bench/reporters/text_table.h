// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace twinpool::bench {

/// Columns that line up: the first to the left, numbers to the right.
class TextTable {
 public:
  enum class Align { kLeft, kRight };
  explicit TextTable(std::vector<Align> columns) : columns_(std::move(columns)) {}
  /// Takes: as many texts as there are columns; colours in them take no room.
  void add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }
  /// Gives: the lines, each with its end, no blanks at the ends; columns two blanks apart.
  [[nodiscard]] std::string str() const;

 private:
  std::vector<Align> columns_;
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace twinpool::bench
