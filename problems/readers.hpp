#pragma once
/// Data from files: CSV and other delimited text, LIBSVM, Matrix Market; each plain, .gz or .bz2.

#include <raphson/core/data_matrix.hpp>
#include <raphson/core/types.hpp>

#include <optional>
#include <string>
#include <vector>

namespace raphson {

/// A file that cannot be read as what it should be. what() is "train.svm:1042: expected index:value, found "3;0.5"."
/// Derives from InputError; nothing half-loaded is returned.

enum class Format { automatic, delimited, libsvm, matrix_market };

struct ReadOptions {
  Format format = Format::automatic;  ///< by content and name
  std::string target;                 ///< column by name or number from 0 (negative: from the end); "" = LIBSVM's label, or the last column
  bool has_target = true;             ///< false: every column is a feature (prediction)
  std::vector<std::string> ignore;    ///< columns to leave out, by name or number
  std::string weights;                ///< column of weights; "" = none
  std::string offset;                 ///< column of offsets; "" = none
  std::optional<bool> header;         ///< unset: detected
  char delimiter = 0;                 ///< 0: detected among , ; tab | and blanks
  Index columns = 0;                  ///< LIBSVM: least number of columns (of the training data, for prediction); 0: the largest index
};

struct Dataset {
  DataMatrix features;
  Vec target;                              ///< empty when has_target is false and the format has none
  Vec weights, offset;                     ///< empty when not asked for
  std::vector<std::string> feature_names;  ///< empty when the file has none
  std::string target_name;
  std::string source;              ///< file name
  std::vector<std::string> notes;  ///< "duplicate indices summed in 3 rows", "header detected"
};

/// Reads a file in a streaming way. Throws InputError with file, line, column and what was expected.
Dataset read(const std::string& path, const ReadOptions& options = {});

/// A Matrix Market file as a matrix (also a dense vector): for right-hand sides and systems without a target.
DataMatrix read_matrix_market(const std::string& path);

}  // namespace raphson
