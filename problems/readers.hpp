#pragma once
/// Data from files: CSV and other delimited text, LIBSVM, Matrix Market; each plain, .gz or .bz2.

#include <raphson/core/data_matrix.hpp>
#include <raphson/core/types.hpp>

#include <optional>
#include <string>
#include <vector>

namespace raphson {

enum class Format { automatic, delimited, libsvm, matrix_market };

struct ReadOptions {
  Format format = Format::automatic;  ///< by content and name
  /// Column by name or number from 0 (negative: from the end); "" = LIBSVM's label, or the last column left. Several, parted by commas,
  /// where no column has the whole as its name.
  std::string target = {};
  bool has_target = true;  ///< false (prediction): the target may be missing; a column is taken as target only when named and there
  std::vector<std::string> ignore = {};         ///< columns to leave out, by name or number; in prediction those that are there
  std::string weights = {};                     ///< column of weights; "" = none
  std::string offset = {};                      ///< column of offsets; "" = none
  std::optional<bool> header = {};              ///< unset: detected
  char delimiter = 0;                           ///< 0: detected among , ; tab | and blanks
  std::vector<std::string> target_labels = {};  ///< classes of a target that is text (of the training data, for prediction); empty: found
  Index columns = 0;  ///< LIBSVM: least number of columns (of the training data, for prediction); 0: the largest index
  std::optional<Index> index_base =
      {};  ///< LIBSVM: 0 or 1, the first column's index (of the training data, for prediction); unset: 0 if found
};

struct Dataset {
  DataMatrix features;
  arma::mat target;                        ///< a column for each target, as they were asked for; empty when has_target is false and the
                                           ///< format has none, or when not all that were named are there
  Vec weights, offset;                     ///< empty when not asked for
  std::vector<std::string> feature_names;  ///< empty when the file has none
  std::string target_name;                 ///< names of several targets are parted by commas
  std::vector<std::string> target_labels;  ///< the two classes of a target that is text, coded 0 and 1 in this order; else empty
  Index index_base = 1;                    ///< LIBSVM: index of the first column
  std::string source;                      ///< file name
  Format format = Format::automatic;       ///< as which the file was read
  std::vector<std::string> notes;          ///< "header detected", "indices count from 0"
};

/// Reads a file line by line into row-major (dense) or compressed-row (LIBSVM, Matrix Market coordinates) storage; memory beyond the
/// result: at most some 60 MB for dense data, once the result for sparse ones. Blank lines and lines that begin with # are skipped.
///
/// Format: given, or the Matrix Market banner, or the name (.csv, .tsv, .svm, .libsvm, .svmlight, .mtx, before .gz or .bz2), or what the
/// first lines look like. Compression is recognized by content. A target that is text with two values is coded 0 and 1.
/// Throws InputError with file, line, column and what was expected: `train.svm:1042: expected index:value, found "3;0.5".`
/// Lines count from 1 as in editors, rows (observations) and columns from 0. Nothing half-loaded is returned.
Dataset read(const std::string& path, const ReadOptions& options = {});

/// A Matrix Market file as a matrix (also a dense vector): for right-hand sides and systems without a target.
DataMatrix read_matrix_market(const std::string& path);

}  // namespace raphson
