#include <raphson/core/error.hpp>
#include <raphson/problems/reading/columns.hpp>
#include <raphson/problems/reading/text.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>

namespace raphson::reading {
namespace {

std::string available(const Columns& columns) {
  const Index count = columns.count();
  if (columns.names.empty()) return fmt::format("the columns have no names and are numbered 0 to {}", count - 1);
  constexpr Index most = 12;
  std::string list = "the columns are";
  for (Index j = 0; j < std::min(count, most); ++j) list += fmt::format("{} {} \"{}\"", j ? "," : "", j, columns.names[j]);
  return count > most ? list + fmt::format(", ... ({} in all)", count) : list;
}

// A name, or else a number from 0 or, when negative, from the end.
std::optional<Index> find_column(const std::string& path, const Columns& columns, const std::string& asked) {
  const auto first = std::find(columns.names.begin(), columns.names.end(), asked);
  if (first != columns.names.end()) {
    if (std::find(first + 1, columns.names.end(), asked) != columns.names.end())
      throw InputError(fmt::format("{}: several columns are named \"{}\"; give the number of the one that is meant ({}).", path, asked,
                                   available(columns)));
    return static_cast<Index>(first - columns.names.begin());
  }
  long long number = 0;
  const auto result = std::from_chars(asked.data(), asked.data() + asked.size(), number);
  if (asked.empty() || result.ec != std::errc() || result.ptr != asked.data() + asked.size()) return std::nullopt;
  const auto count = static_cast<long long>(columns.count());
  if (number < -count || number >= count) return std::nullopt;
  return static_cast<Index>(number < 0 ? number + count : number);
}

const char* purpose(Role role) {
  switch (role) {
    case Role::target:
      return "the target";
    case Role::weight:
      return "the weights";
    case Role::offset:
      return "the offset";
    case Role::ignored:
      return "ignored";
    case Role::feature:
      break;
  }
  return "a feature";
}

void assign(const std::string& path, Columns& columns, const std::string& asked, Role role, bool required = true) {
  const std::optional<Index> column = find_column(path, columns, asked);
  if (!column) {
    if (!required) return;
    throw InputError(fmt::format("{}: there is no column \"{}\"; {}.", path, asked, available(columns)));
  }
  Role& current = columns.roles[*column];
  if (current != Role::feature && current != role)
    throw InputError(
        fmt::format("{}: {} is asked for twice, as {} and as {}.", path, columns.text(*column), purpose(current), purpose(role)));
  current = role;
}

// What the option names: one column, or several parted by commas where no column has the whole as its name.
std::vector<std::string> parted(const std::string& path, const Columns& columns, const std::string& asked) {
  if (asked.find(',') == std::string::npos || find_column(path, columns, asked)) return {asked};
  std::vector<std::string> names;
  for (std::size_t begin = 0; begin <= asked.size();) {
    const std::size_t end = std::min(asked.find(',', begin), asked.size());
    names.emplace_back(trim(std::string_view(asked).substr(begin, end - begin)));
    begin = end + 1;
  }
  return names;
}

void assign_targets(const std::string& path, Columns& columns, const ReadOptions& options) {
  bool complete = true;
  for (const std::string& asked : parted(path, columns, options.target)) {
    assign(path, columns, asked, Role::target, options.has_target);
    const std::optional<Index> column = find_column(path, columns, asked);
    if (!column) {
      complete = false;
      continue;
    }
    if (std::find(columns.targets.begin(), columns.targets.end(), *column) != columns.targets.end())
      throw InputError(fmt::format("{}: {} is asked for twice, as a target.", path, columns.text(*column)));
    columns.targets.push_back(*column);
  }
  if (!complete) columns.targets.clear();
}

}  // namespace

std::string Columns::text(Index column) const {
  if (names.empty() || names[column].empty()) return fmt::format("column {}", column);
  return fmt::format("column {} (\"{}\")", column, names[column]);
}

std::string Columns::handle(Index column) const { return names.empty() || names[column].empty() ? std::to_string(column) : names[column]; }

std::vector<std::string> Columns::feature_names() const {
  std::vector<std::string> features;
  for (Index j = 0; j < names.size(); ++j)
    if (roles[j] == Role::feature) features.push_back(names[j]);
  return features;
}

std::string Columns::target_name() const {
  std::string text;
  for (const Index j : targets)
    if (j < names.size()) text += (text.empty() ? "" : ",") + names[j];
  return text;
}

arma::mat Columns::arranged(const arma::mat& in_file_order) const {
  arma::mat out(in_file_order.n_cols, targets.size());
  for (Index c = 0; c < targets.size(); ++c) {
    const auto before = static_cast<std::ptrdiff_t>(targets[c]);
    const auto place = static_cast<Index>(std::count(roles.begin(), roles.begin() + before, Role::target));
    out.col(c) = in_file_order.row(place).t();
  }
  return out;
}

Columns assign_columns(const std::string& path, std::vector<std::string> names, Index count, const ReadOptions& options) {
  Columns columns{std::move(names), std::vector<Role>(count, Role::feature), {}};
  for (const std::string& asked : options.ignore) assign(path, columns, asked, Role::ignored, options.has_target);
  if (!options.weights.empty()) assign(path, columns, options.weights, Role::weight);
  if (!options.offset.empty()) assign(path, columns, options.offset, Role::offset);
  if (!options.target.empty()) {
    assign_targets(path, columns, options);
  } else if (options.has_target) {
    const auto last = std::find(columns.roles.rbegin(), columns.roles.rend(), Role::feature);
    if (last != columns.roles.rend()) {
      *last = Role::target;
      columns.targets = {static_cast<Index>(columns.roles.rend() - last) - 1};
    }
  }
  if (columns.count(Role::feature) == 0)
    throw InputError(fmt::format("{}: no column is left as a feature: {}, of which {} ignored{}.", path,
                                 count == 1 ? "there is 1 column" : fmt::format("there are {} columns", count),
                                 columns.count(Role::ignored),
                                 columns.count(Role::target) > 1 ? fmt::format(" and {} are targets", columns.count(Role::target))
                                 : columns.count(Role::target)   ? " and one is the target"
                                                                 : ""));
  return columns;
}

void refuse_column_options(const std::string& path, const std::string& format, const ReadOptions& options) {
  const char* option = !options.ignore.empty()    ? "ignore"
                       : !options.weights.empty() ? "weights"
                       : !options.offset.empty()  ? "offset"
                       : !options.target.empty()  ? "target"
                                                  : nullptr;
  if (option)
    throw InputError(
        fmt::format("{}: `{}` names a column of delimited text or of a matrix, but this is a {} file, whose target is its label.", path,
                    option, format));
}

}  // namespace raphson::reading
