#pragma once
/// Fitted models on disk: JSON, every double written so that it reads back as the same bits.

#include "cli/problem.hpp"

#include <string>

namespace raphson::cli {

/// Everything predict needs.
struct SavedModel {
  std::string loss, status;
  std::string target;                      ///< name of the target column, several parted by commas; "" when unknown
  Index columns = 0;                       ///< d of the data file, before anything is appended
  std::vector<std::string> feature_names;  ///< d, or empty
  std::vector<std::string> ignored;        ///< names of columns that were left out
  std::vector<std::string> target_labels;  ///< classes of a target that is text
  Index index_base = 1;                    ///< LIBSVM: index of the first column
  Vec coefficients;                        ///< d; a network's W, row after row, then a where it is trained
  double l2 = 0;
  // Linear losses:
  double intercept = 0;
  LossSettings of_loss;
  std::vector<double> labels;  ///< of two classes: the label of −1 and of +1
  std::string offset;          ///< column that was added to the margins; "" for none
  // relu:
  std::vector<Index> widths;  ///< of the hidden layers; in the file a number where there is one
  Index outputs = 1;
  bool train_output = false;  ///< signs are then where a started
  Activation activation;
  std::uint64_t seed = 0;  ///< of W₀ and the output signs
  Vec signs;               ///< a (last width), output after output
  Standardization scaling;

  bool is_network() const { return loss == "relu"; }
};

SavedModel saved_model(const Problem& problem, const ProblemArguments& arguments, const Summary& summary, const Vec& theta);

/// The file's content, compressed when `path` ends in .gz.
std::string model_text(const SavedModel& model, const std::string& path);

/// Throws InputError: "m.json is not a Raphson model: …" for files that are missing, truncated, foreign or inconsistent.
SavedModel load_model(const std::string& path);

}  // namespace raphson::cli
