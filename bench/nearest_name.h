// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace twinpool::bench {

/// Gives: how many letters must be inserted, removed, replaced or swapped with their neighbour to turn one
/// word into the
///        other (optimal string alignment distance); capital and small ASCII letters count as equal.
/// Source: Damerau 1964; Boytsov 2011, "Indexing methods for approximate dictionary searching", 2.2.
std::size_t edit_distance(std::string_view a, std::string_view b);

/// Gives: the known name that `typed` most likely meant, the first of equals, or nothing when none is near
/// (more than a third
///        of its letters differ) - a far-fetched guess confuses more than none. A name that begins with
///        `typed` is near.
std::optional<std::string> nearest_name(std::string_view typed, std::span<const std::string> known);

/// Gives: "; did you mean 'primes'?" or the list of known names, ready to be put after a sentence about
/// `typed`.
std::string suggest_name(std::string_view typed, std::span<const std::string> known);

}  // namespace twinpool::bench
