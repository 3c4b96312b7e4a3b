#include <raphson/core/error.hpp>
#include <raphson/problems/reading/cells.hpp>
#include <raphson/problems/reading/columns.hpp>
#include <raphson/problems/reading/formats.hpp>
#include <raphson/problems/reading/growing_array.hpp>
#include <raphson/problems/reading/text.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

namespace raphson::reading {
namespace {

// Names of the two classes of a target that is text, coded 0, 1 in the order of their names.
class Labels {
 public:
  explicit Labels(std::vector<std::string> given) : names_(std::move(given)), given_(!names_.empty()) {}

  bool used() const { return !names_.empty(); }
  const std::vector<std::string>& names() const { return names_; }

  // Number of a label, in order of appearance until sort; -1 for one too many or one that was not given.
  double code(std::string_view cell) {
    const std::string name = unquote(cell);
    const auto found = std::find(names_.begin(), names_.end(), name);
    if (found != names_.end()) return static_cast<double>(found - names_.begin());
    if (given_ || names_.size() == 2) return -1;
    names_.push_back(name);
    return static_cast<double>(names_.size() - 1);
  }

  // Brings codes to the order of the names.
  void sort(arma::mat& codes) {
    if (given_ || std::is_sorted(names_.begin(), names_.end())) return;
    std::swap(names_[0], names_[1]);
    codes = 1 - codes;
  }

 private:
  std::vector<std::string> names_;
  bool given_;
};

// Reads one file; its state is what is known so far.
class DelimitedReader {
 public:
  DelimitedReader(LineStream& lines, const ReadOptions& options)
      : lines_(lines), options_(options), layout_(detect_layout(lines, options.delimiter, options.header)), labels_(options.target_labels) {
    std::string_view line;
    std::vector<std::string> names;
    if (layout_.header) {
      lines_.next(line);
      cut(line);
      for (const std::string_view cell : cells_) names.push_back(unquote(cell));
    }
    columns_ = assign_columns(lines.path(), std::move(names), layout_.columns, options);
  }

  Dataset read() {
    std::string_view line;
    for (; lines_.next(line); ++rows_) {
      cut(line);
      for (Index j = 0; j < layout_.columns; ++j)
        if (columns_.roles[j] != Role::ignored) add(j, cells_[j]);
    }
    if (rows_ == 0) throw InputError(lines_.path() + ": holds a header and no observations.");
    refuse_missing();
    return finish();
  }

 private:
  struct Missing {
    Index line = 0, row = 0, column = 0;
    std::string found;
    std::map<Index, Index> count;  // of missing cells, by column
  };

  void cut(std::string_view line) {
    if (const char* wrong = split(line, layout_.delimiter, cells_)) lines_.fail(std::string(wrong) + ".");
    if (cells_.size() == layout_.columns + 1 && cells_.back().empty()) cells_.pop_back();
    if (cells_.size() == layout_.columns) return;
    lines_.fail(fmt::format("{} cells, expected {} as in the first line{}.", cells_.size(), layout_.columns,
                            lines_.ends_inside_line() ? "; the file ends in the middle of this line" : ""));
  }

  void add(Index j, std::string_view cell) {
    double x = 0;
    const Content kind = content(cell, x);
    const bool label =
        columns_.roles[j] == Role::target && columns_.targets.size() == 1 && (labels_.used() || (rows_ == 0 && kind == Content::text));
    if (kind == Content::missing) {
      note_missing(j, cell);
    } else if (label) {
      x = labels_.code(cell);
      if (x < 0) refuse_label(j, cell);
    } else if (kind == Content::text) {
      refuse_text(j, cell);
    } else if (!std::isfinite(x)) {
      lines_.fail(fmt::format("{}, row {} is not finite ({}). Remove or impute that row.", columns_.text(j), rows_, quoted(cell)));
    }
    store(columns_.roles[j]).push(x);
  }

  GrowingArray<double>& store(Role role) {
    switch (role) {
      case Role::target:
        return target_;
      case Role::weight:
        return weights_;
      case Role::offset:
        return offset_;
      default:
        return features_;
    }
  }

  void note_missing(Index j, std::string_view cell) {
    if (missing_.count.empty()) missing_ = {lines_.number(), rows_, j, std::string(cell), {}};
    ++missing_.count[j];
  }

  void refuse_missing() const {
    if (missing_.count.empty()) return;
    Index total = 0;
    std::string where;
    for (const auto& [column, count] : missing_.count) {
      total += count;
      where += fmt::format("{}{} in {}", where.empty() ? "" : ", ", count, columns_.text(column));
    }
    throw InputError(fmt::format(
        "{}:{}: {}, row {}: missing cell ({}); in all {}. Remove or fill those rows, or leave the column{} out with ignore (--ignore {}).",
        lines_.path(), missing_.line, columns_.text(missing_.column), missing_.row, quoted(missing_.found),
        total == 1 ? "1 cell is missing" : fmt::format("{} cells are missing: {}", total, where), missing_.count.size() > 1 ? "s" : "",
        columns_.handle(missing_.column)));
  }

  [[noreturn]] void refuse_text(Index j, std::string_view cell) const {
    std::string advice = columns_.roles[j] == Role::feature
                             ? fmt::format("Leave the column out with ignore (--ignore {}), or encode it as numbers.", columns_.handle(j))
                             : fmt::format("It is used as the {}: name another column, or encode it as numbers.",
                                           columns_.roles[j] == Role::target   ? "target"
                                           : columns_.roles[j] == Role::weight ? "weights"
                                                                               : "offset");
    std::string with_point(cell);
    std::replace(with_point.begin(), with_point.end(), ',', '.');
    double x = 0;
    if (parse_number(with_point, x)) advice = "Decimal commas are not read: write decimal points.";
    if (rows_ == 0 && !layout_.header) advice += " If this line holds the names of the columns, set header to true.";
    lines_.fail(fmt::format("{}, row {}: expected a number, found {}. {}", columns_.text(j), rows_, quoted(cell), advice));
  }

  [[noreturn]] void refuse_label(Index j, std::string_view cell) const {
    std::string known;
    for (const std::string& name : labels_.names()) known += (known.empty() ? "" : ", ") + quoted(name);
    if (!options_.target_labels.empty())
      lines_.fail(fmt::format("{}, row {}: found {}, expected one of the classes {}.", columns_.text(j), rows_, quoted(cell), known));
    lines_.fail(fmt::format(
        "{}, row {}: the target is text with more than two values ({}, {}). Name another target{}, or encode it as numbers.",
        columns_.text(j), rows_, known, quoted(cell), options_.target.empty() ? " (unless one is named it is the last column)" : ""));
  }

  Dataset finish() {
    Dataset data;
    data.features = DataMatrix::from_rows(features_.take_matrix(columns_.count(Role::feature)));
    data.target = columns_.arranged(target_.take_matrix(columns_.count(Role::target)));
    data.weights = weights_.take_column();
    data.offset = offset_.take_column();
    data.feature_names = columns_.feature_names();
    data.target_name = columns_.target_name();
    if (layout_.header && !options_.header) data.notes.push_back("header detected");
    if (labels_.used()) {
      labels_.sort(data.target);
      data.target_labels = labels_.names();
      std::string note = "target labels";
      for (Index k = 0; k < data.target_labels.size(); ++k)
        note += fmt::format("{} {} = {}", k ? "," : "", quoted(data.target_labels[k]), k);
      data.notes.push_back(note);
    }
    add_notes(lines_, data);
    return data;
  }

  LineStream& lines_;
  const ReadOptions& options_;
  Layout layout_;
  Labels labels_;
  Columns columns_;
  std::vector<std::string_view> cells_;
  Index rows_ = 0;
  GrowingArray<double> features_, target_, weights_, offset_;
  Missing missing_;
};

}  // namespace

Dataset read_delimited(LineStream& lines, const ReadOptions& options) { return DelimitedReader(lines, options).read(); }

}  // namespace raphson::reading
