#include <raphson/core/error.hpp>
#include <raphson/problems/readers.hpp>
#include <raphson/problems/reading/formats.hpp>

#include <algorithm>
#include <cctype>
#include <filesystem>

namespace raphson {
namespace reading {
namespace {

// Of the name without .gz or .bz2.
std::string extension(const std::string& path) {
  std::filesystem::path name = path;
  if (name.extension() == ".gz" || name.extension() == ".bz2") name.replace_extension();
  std::string text = name.extension().string();
  for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

bool one_of(const std::string& text, std::initializer_list<const char*> list) {
  return std::find(list.begin(), list.end(), text) != list.end();
}

// Several lines, because a LIBSVM row may be no more than its label.
Format detect(LineStream& lines) {
  const std::vector<std::string_view> first = lines.peek(16);
  const std::string name = extension(lines.path());
  if (looks_like_matrix_market(first.front()) || name == ".mtx") return Format::matrix_market;
  if (one_of(name, {".svm", ".libsvm", ".svmlight"})) return Format::libsvm;
  if (one_of(name, {".csv", ".tsv"})) return Format::delimited;
  return std::any_of(first.begin(), first.end(), looks_like_libsvm) ? Format::libsvm : Format::delimited;
}

void require_content(LineStream& lines) {
  if (lines.peek(1).empty()) throw InputError(lines.path() + ": is empty: no observations.");
}

}  // namespace

void add_notes(const LineStream& lines, Dataset& data) {
  if (lines.ends_inside_line()) data.notes.push_back("the last line has no end: if the file was cut short, its last number may be too");
}

}  // namespace reading

Dataset read(const std::string& path, const ReadOptions& options) {
  reading::LineStream lines(path);
  reading::require_content(lines);
  const Format format = options.format == Format::automatic ? reading::detect(lines) : options.format;
  Dataset data = format == Format::libsvm          ? reading::read_libsvm(lines, options)
                 : format == Format::matrix_market ? reading::read_matrix_market(lines, options)
                                                   : reading::read_delimited(lines, options);
  if (!data.target.empty() && data.target_name.empty() && options.target.empty() && format != Format::libsvm)
    data.notes.push_back("target: the last column that is not used otherwise");
  data.format = format;
  data.source = path;
  return data;
}

DataMatrix read_matrix_market(const std::string& path) {
  reading::LineStream lines(path);
  reading::require_content(lines);
  return reading::read_matrix(lines);
}

}  // namespace raphson
