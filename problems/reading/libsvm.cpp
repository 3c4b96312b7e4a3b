#include <raphson/core/error.hpp>
#include <raphson/problems/reading/columns.hpp>
#include <raphson/problems/reading/formats.hpp>
#include <raphson/problems/reading/growing_array.hpp>
#include <raphson/problems/reading/text.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace raphson::reading {
namespace {

// Larger than any hashed feature; beyond it an index is a slip, and a vector of that length would not fit anywhere.
constexpr Index largest_index = Index{1} << 32;

struct Entry {
  Index index = 0;
  double value = 0;
};

class LibsvmReader {
 public:
  LibsvmReader(LineStream& lines, const ReadOptions& options) : lines_(lines), options_(options) {}

  Dataset read() {
    row_begin_.push(0);
    std::string_view line;
    for (; lines_.next(line); ++rows_) {
      std::string_view rest = line.substr(0, line.find('#'));
      read_label(rest);
      read_entries(rest);
    }
    return finish();
  }

 private:
  void read_label(std::string_view& rest) {
    std::string_view after = rest;
    const std::string_view word = take_word(after);
    const bool labelled = word.find(':') == std::string_view::npos;
    if (!labelled && options_.has_target)
      lines_.fail(fmt::format("expected a label, found {}. Rows without labels serve for prediction only.", quoted(word)));
    if (rows_ > 0 && labelled != labelled_)
      lines_.fail(fmt::format("this row has {} label, other than the rows before it.", labelled ? "a" : "no"));
    labelled_ = labelled;
    if (!labelled) return;
    rest = after;
    double y = 0;
    if (!parse_number(word, y))
      lines_.fail(word.find(',') != std::string_view::npos
                      ? fmt::format("expected one label, found the list {}: several targets a row are not supported.", quoted(word))
                      : fmt::format("expected a label, a number, found {}.", quoted(word)));
    if (!std::isfinite(y)) lines_.fail(fmt::format("the label is not finite ({}). Remove that row.", quoted(word)));
    labels_.push(y);
  }

  void read_entries(std::string_view rest) {
    entries_.clear();
    bool increasing = true;
    for (std::string_view word = take_word(rest); !word.empty(); word = take_word(rest)) {
      if (word.substr(0, 4) == "qid:") continue;
      const Entry entry = parse_entry(word);
      if (!entries_.empty()) increasing = increasing && entry.index > entries_.back().index;
      entries_.push_back(entry);
    }
    if (!increasing) order_entries();
    for (const Entry& entry : entries_) {
      smallest_ = std::min(smallest_, entry.index);
      largest_ = std::max(largest_, entry.index);
      if (entry.value == 0) continue;
      indices_.push(entry.index);
      values_.push(entry.value);
    }
    row_begin_.push(indices_.size());
  }

  Entry parse_entry(std::string_view word) const {
    const std::size_t colon = word.find(':');
    Entry entry;
    if (colon == std::string_view::npos || !parse_index(word.substr(0, colon), entry.index) ||
        !parse_number(word.substr(colon + 1), entry.value))
      lines_.fail(fmt::format("expected index:value, found {}.", quoted(word)));
    if (!std::isfinite(entry.value))
      lines_.fail(fmt::format("index {} is not finite ({}). Remove or impute that row.", entry.index, quoted(word)));
    if (entry.index > largest_index) lines_.fail(fmt::format("index {} is above the largest supported, {}.", entry.index, largest_index));
    if (entry.index == 0 && options_.index_base.value_or(0) == 1)
      lines_.fail(fmt::format("found index 0 ({}), but indices count from 1 here.", quoted(word)));
    return entry;
  }

  // Rows may come in any order of indices, but each index once: summing or choosing would be a guess.
  void order_entries() {
    std::sort(entries_.begin(), entries_.end(), [](const Entry& a, const Entry& b) { return a.index < b.index; });
    const auto twice =
        std::adjacent_find(entries_.begin(), entries_.end(), [](const Entry& a, const Entry& b) { return a.index == b.index; });
    if (twice != entries_.end()) lines_.fail(fmt::format("index {} appears twice.", twice->index));
  }

  Dataset finish() {
    Dataset data;
    const bool any = largest_ >= smallest_;
    data.index_base = options_.index_base.value_or(any && smallest_ == 0 ? 0 : 1);
    if (data.index_base == 0 && !options_.index_base) data.notes.push_back("indices count from 0");
    const Index columns = std::max(options_.columns, any ? largest_ + 1 - data.index_base : 0);
    if (columns == 0) throw InputError(lines_.path() + ": no row has an index:value, so there are no features.");
    arma::uvec index = indices_.take_column();
    index -= data.index_base;
    data.features = DataMatrix::from_rows(arma::sp_mat(index, row_begin_.take_column(), values_.take_column(), columns, rows_));
    data.target = labels_.take_column();
    add_notes(lines_, data);
    return data;
  }

  LineStream& lines_;
  const ReadOptions& options_;
  Index rows_ = 0;
  bool labelled_ = false;
  std::vector<Entry> entries_;  // of the current row
  Index smallest_ = largest_index, largest_ = 0;
  GrowingArray<arma::uword> indices_, row_begin_;
  GrowingArray<double> values_, labels_;
};

}  // namespace

bool looks_like_libsvm(std::string_view line) {
  std::string_view rest = line.substr(0, line.find('#'));
  double number = 0;
  Index index = 0;
  std::string_view word = take_word(rest);
  if (word.find(':') == std::string_view::npos) {
    if (!parse_number(word, number)) return false;
    word = take_word(rest);
  }
  for (; !word.empty(); word = take_word(rest)) {
    const std::size_t colon = word.find(':');
    if (colon != std::string_view::npos && parse_index(word.substr(0, colon), index) && parse_number(word.substr(colon + 1), number))
      return true;
  }
  return false;
}

Dataset read_libsvm(LineStream& lines, const ReadOptions& options) {
  refuse_column_options(lines.path(), "LIBSVM", options);
  if (options.index_base.value_or(0) > 1) throw InputError(lines.path() + ": index_base is 0 or 1.");
  return LibsvmReader(lines, options).read();
}

}  // namespace raphson::reading
