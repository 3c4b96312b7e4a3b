#include <raphson/core/error.hpp>
#include <raphson/problems/reading/columns.hpp>
#include <raphson/problems/reading/formats.hpp>
#include <raphson/problems/reading/growing_array.hpp>
#include <raphson/problems/reading/text.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>
#include <numeric>

namespace raphson::reading {
namespace {

constexpr Index largest_size = Index{1} << 32;

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return out;
}

// Triplets (row, column, value), counted from 0, as they come.
struct Triplets {
  GrowingArray<arma::uword> row, column;
  GrowingArray<double> value;
  void push(Index i, Index j, double x) {
    if (x == 0) return;
    row.push(i);
    column.push(j);
    value.push(x);
  }
};

// The matrix in compressed rows, that is d × n in Armadillo's compressed columns: counting sort by row, then each row by column.
arma::sp_mat compress(const std::string& path, Triplets& triplets, Index rows, Index columns) {
  const arma::uvec row = triplets.row.take_column(), column = triplets.column.take_column();
  const Vec value = triplets.value.take_column();
  arma::uvec begin(rows + 1, arma::fill::zeros), order(row.n_elem, arma::fill::none);
  for (const Index i : row) ++begin(i + 1);
  std::partial_sum(begin.begin(), begin.end(), begin.begin());
  arma::uvec next = begin;
  for (Index e = 0; e < row.n_elem; ++e) order(next(row(e))++) = e;
  for (Index i = 0; i < rows; ++i) {
    arma::uword* const first = order.memptr() + begin(i);
    arma::uword* const last = order.memptr() + begin(i + 1);
    std::sort(first, last, [&](Index a, Index b) { return column(a) < column(b); });
    const arma::uword* const twice = std::adjacent_find(first, last, [&](Index a, Index b) { return column(a) == column(b); });
    if (twice != last)
      throw InputError(fmt::format("{}: the entry of row {}, column {} (from 1) appears twice.", path, i + 1, column(*twice) + 1));
  }
  const arma::uvec sorted_column = column.elem(order);
  const Vec sorted_value = value.elem(order);
  return arma::sp_mat(sorted_column, begin, sorted_value, columns, rows);
}

class MatrixMarketReader {
 public:
  explicit MatrixMarketReader(LineStream& lines) : lines_(lines) {}

  DataMatrix read() {
    read_banner();
    read_sizes();
    return coordinate_ ? read_coordinates() : read_array();
  }

 private:
  void read_banner() {
    std::string_view line;
    lines_.next(line);
    if (!looks_like_matrix_market(line)) lines_.fail(fmt::format("expected the banner %%MatrixMarket, found {}.", quoted(line)));
    std::string_view rest = line;
    std::array<std::string, 5> word;
    for (std::string& each : word) each = lower(take_word(rest));
    const auto one_of = [&](const std::string& found, std::initializer_list<const char*> known) {
      if (std::find(known.begin(), known.end(), found) != known.end()) return;
      std::string list;
      for (const char* each : known) list += (list.empty() ? "" : ", ") + std::string(each);
      lines_.fail(fmt::format("expected one of {}, found {}.", list, quoted(found)));
    };
    one_of(word[1], {"matrix"});
    one_of(word[2], {"coordinate", "array"});
    one_of(word[3], {"real", "integer", "double", "pattern"});
    one_of(word[4], {"general", "symmetric", "skew-symmetric"});
    coordinate_ = word[2] == "coordinate";
    pattern_ = word[3] == "pattern";
    symmetric_ = word[4] != "general";
    skew_ = word[4] == "skew-symmetric";
    if (pattern_ && !coordinate_) lines_.fail("a pattern has coordinates; \"array pattern\" is not possible.");
  }

  bool next(std::string_view& line) {
    while (lines_.next(line))
      if (line.front() != '%') return true;
    return false;
  }

  void read_sizes() {
    std::string_view line;
    if (!next(line)) throw InputError(lines_.path() + ": ends before the line of sizes.");
    std::string_view rest = line;
    bool good = parse_index(take_word(rest), rows_) && parse_index(take_word(rest), columns_);
    if (coordinate_) good = good && parse_index(take_word(rest), entries_);
    if (!good || !trim(rest).empty())
      lines_.fail(fmt::format("expected {}, found {}.", coordinate_ ? "rows columns entries" : "rows columns", quoted(line)));
    if (rows_ > largest_size || columns_ > largest_size || static_cast<double>(rows_) * static_cast<double>(columns_) > 0x1p62)
      lines_.fail(fmt::format("a {} x {} matrix is larger than supported.", rows_, columns_));
    if (rows_ == 0 || columns_ == 0) lines_.fail(fmt::format("the matrix is {} x {}: no observations.", rows_, columns_));
    if (symmetric_ && rows_ != columns_) lines_.fail(fmt::format("a symmetric matrix is square, not {} x {}.", rows_, columns_));
    if (!coordinate_) entries_ = !symmetric_ ? rows_ * columns_ : skew_ ? rows_ * (rows_ - 1) / 2 : rows_ * (rows_ + 1) / 2;
  }

  double number(std::string_view word, std::string_view line) const {
    double x = 0;
    if (!parse_number(word, x)) lines_.fail(fmt::format("expected a number, found {}.", quoted(word.empty() ? line : word)));
    if (!std::isfinite(x)) lines_.fail(fmt::format("the entry is not finite ({}).", quoted(word)));
    return x;
  }

  void require_count(Index count) const {
    if (count > entries_) lines_.fail(fmt::format("more entries than the {} promised.", entries_));
  }
  void require_all(Index count) const {
    if (count < entries_) lines_.fail(fmt::format("the file ends after {} of {} entries.", count, entries_));
  }

  DataMatrix read_coordinates() {
    Triplets triplets;
    Index count = 0;
    for (std::string_view line; next(line);) {
      require_count(++count);
      std::string_view rest = line;
      Index i = 0, j = 0;
      if (!parse_index(take_word(rest), i) || !parse_index(take_word(rest), j))
        lines_.fail(fmt::format("expected {}, found {}.", pattern_ ? "row column" : "row column value", quoted(line)));
      if (i < 1 || i > rows_ || j < 1 || j > columns_)
        lines_.fail(fmt::format("row {}, column {} is outside the {} x {} matrix (rows and columns count from 1).", i, j, rows_, columns_));
      const double x = pattern_ ? 1 : number(take_word(rest), line);
      if (!trim(rest).empty()) lines_.fail(fmt::format("expected the end of the line, found {}.", quoted(trim(rest))));
      triplets.push(i - 1, j - 1, x);
      if (symmetric_ && i != j) triplets.push(j - 1, i - 1, skew_ ? -x : x);
    }
    require_all(count);
    return DataMatrix::from_rows(compress(lines_.path(), triplets, rows_, columns_));
  }

  DataMatrix read_array() {
    GrowingArray<double> values;
    for (std::string_view line; next(line);) {
      std::string_view rest = line;
      for (std::string_view word = take_word(rest); !word.empty(); word = take_word(rest)) {
        require_count(values.size() + 1);
        values.push(number(word, line));
      }
    }
    require_all(values.size());
    if (!symmetric_) return DataMatrix(values.take_matrix(rows_));
    const Vec stored = values.take_column();  // the lower triangle, column by column
    arma::mat A(rows_, rows_, arma::fill::zeros);
    for (Index j = 0, e = 0; j < rows_; ++j)
      for (Index i = j + skew_; i < rows_; ++i, ++e) {
        A(j, i) = skew_ ? -stored(e) : stored(e);
        A(i, j) = stored(e);
      }
    return DataMatrix(std::move(A));
  }

  LineStream& lines_;
  bool coordinate_ = false, pattern_ = false, symmetric_ = false, skew_ = false;
  Index rows_ = 0, columns_ = 0, entries_ = 0;
};

// Takes the columns that are not features out of a matrix.
class ColumnSplitter {
 public:
  ColumnSplitter(const Columns& columns, Index rows) : columns_(columns), place_(columns.count()) {
    Index next = 0;
    Index next_target = 0;
    for (Index j = 0; j < columns.count(); ++j) {
      if (columns.roles[j] == Role::feature) place_[j] = next++;
      if (columns.roles[j] == Role::target) place_[j] = next_target++;
    }
    targets_.zeros(next_target, rows);
    if (columns.count(Role::weight)) weights.zeros(rows);
    if (columns.count(Role::offset)) offset.zeros(rows);
  }

  DataMatrix features(const arma::mat& A) {
    arma::mat X(columns_.count(Role::feature), A.n_cols, arma::fill::none);
    for (Index i = 0; i < A.n_cols; ++i)
      for (Index j = 0; j < A.n_rows; ++j)
        if (columns_.roles[j] == Role::feature)
          X(place_[j], i) = A(j, i);
        else
          set(i, j, A(j, i));
    return DataMatrix::from_rows(std::move(X));
  }

  DataMatrix features(const arma::sp_mat& A) {
    GrowingArray<arma::uword> index, begin;
    GrowingArray<double> value;
    begin.push(0);
    for (Index i = 0; i < A.n_cols; ++i) {
      for (Index e = A.col_ptrs[i]; e < A.col_ptrs[i + 1]; ++e) {
        const Index j = A.row_indices[e];
        if (columns_.roles[j] != Role::feature) {
          set(i, j, A.values[e]);
          continue;
        }
        index.push(place_[j]);
        value.push(A.values[e]);
      }
      begin.push(index.size());
    }
    return DataMatrix::from_rows(
        arma::sp_mat(index.take_column(), begin.take_column(), value.take_column(), columns_.count(Role::feature), A.n_cols));
  }

  arma::mat target() const { return columns_.arranged(targets_); }
  Vec weights, offset;

 private:
  void set(Index i, Index j, double x) {
    const Role role = columns_.roles[j];
    if (role == Role::target) targets_(place_[j], i) = x;
    if (role == Role::weight) weights(i) = x;
    if (role == Role::offset) offset(i) = x;
  }

  const Columns& columns_;
  std::vector<Index> place_;  ///< among the columns of the same role
  arma::mat targets_;         ///< a row for each
};

}  // namespace

bool looks_like_matrix_market(std::string_view line) {
  return lower(line.substr(0, 14)) == "%%matrixmarket" && line.size() > 14 && is_blank(line[14]);
}

DataMatrix read_matrix(LineStream& lines) { return MatrixMarketReader(lines).read(); }

Dataset read_matrix_market(LineStream& lines, const ReadOptions& options) {
  const DataMatrix A = read_matrix(lines);
  const Columns columns = assign_columns(lines.path(), {}, A.cols(), options);
  ColumnSplitter splitter(columns, A.rows());
  Dataset data;
  data.features = A.is_sparse() ? splitter.features(A.sparse()) : splitter.features(A.dense());
  data.target = splitter.target();
  data.weights = std::move(splitter.weights);
  data.offset = std::move(splitter.offset);
  add_notes(lines, data);
  return data;
}

}  // namespace raphson::reading
