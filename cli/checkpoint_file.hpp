#pragma once
/// Trainings on disk, to be taken up again.

#include "cli/arguments.hpp"

#include <raphson/core/early_stopping.hpp>
#include <raphson/models/network/train_state.hpp>

#include <optional>
#include <string>

namespace raphson::cli {

struct CheckpointContent {
  TypedOptions typed;
  std::uint64_t held_out = 0;  ///< fingerprint of the rows to validate on; 0: none
  TrainState training;
  std::optional<EarlyStopping::State> watch;
};

/// The file's content: a line "raphson checkpoint 1", then binary, with a checksum. W and what goes with it may be millions of numbers, NaN
/// among them; as text they would take three times the space and most of the time.
std::string checkpoint_bytes(const CheckpointContent& content);

/// Throws InputError: "run.ckpt is not a raphson checkpoint: …", "run.ckpt is damaged: …".
CheckpointContent load_checkpoint(const std::string& path);

/// Throws InputError unless a checkpoint was made with the same options: "run.ckpt was made with --width 512, this run has --width 256."
void check_same_options(const std::string& path, const TypedOptions& recorded, const TypedOptions& now);

}  // namespace raphson::cli
