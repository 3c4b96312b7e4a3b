#pragma once
/// What each column of a table is for.

#include <raphson/problems/readers.hpp>

#include <algorithm>

namespace raphson::reading {

enum class Role : char { feature, target, weight, offset, ignored };

/// The columns of a file: names (empty when there are none) and, after assign, roles.
struct Columns {
  std::vector<std::string> names;
  std::vector<Role> roles;
  std::vector<Index> targets;  ///< columns of the targets in the order asked for; empty when one of them is missing

  Index count() const { return roles.size(); }
  Index count(Role role) const { return static_cast<Index>(std::count(roles.begin(), roles.end(), role)); }

  /// `column 4 ("total_bedrooms")`, or `column 4` without names.
  std::string text(Index column) const;
  /// The name to give to an option: total_bedrooms, or 4.
  std::string handle(Index column) const;
  /// Names of the feature columns in order; empty when the file has none.
  std::vector<std::string> feature_names() const;
  /// Names of the target columns, parted by commas; "" when there is none.
  std::string target_name() const;
  /// Targets as columns in the order asked for, from rows in the order of the file.
  arma::mat arranged(const arma::mat& in_file_order) const;
};

/// Gives each of `count` columns its role. Throws InputError for a column that does not exist (listing those that do), one that is
/// asked for twice, and when no feature is left.
Columns assign_columns(const std::string& path, std::vector<std::string> names, Index count, const ReadOptions& options);

/// Throws InputError when an option that only tables have (target, ignore, weights, offset) is set for `format`.
void refuse_column_options(const std::string& path, const std::string& format, const ReadOptions& options);

}  // namespace raphson::reading
