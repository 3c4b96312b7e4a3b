#pragma once
/// Training that can be left and taken up again, to the same bits.

#include <raphson/core/run_state.hpp>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace raphson {

/// train_network between two iterations: what TrainOptions::checkpoint is given and TrainOptions::resume takes.
///
///     options.checkpoint_every = 25;
///     options.checkpoint = [](const TrainState& state) { replace_file("run.state", to_bytes(state)); };
///     …
///     options.resume = std::make_shared<const TrainState>(train_state(content_of("run.state")));
///     train_network(model, solver, W, options);           // W: the same start; the same model, solver settings and options
///
/// goes on to the bits of a run with the same interval that nobody interrupted, whatever the solver and the thread count. Stages of
/// training that are over are recorded with what they came to, and replayed; limits (max_iterations, time_limit), threads, memory_limit,
/// callback and cancel may differ. The time limit is that of one call, `seconds` count over all. Resuming with other data, start, options,
/// solver or interval throws InputError. Memory: 8 bytes a parameter for each finished stage and 16 for the one in progress.
struct TrainState {
  using Facts = std::vector<std::pair<std::string, std::string>>;

  /// One call of minimize within the training: what it was asked, and its start.
  struct Asked {
    std::string text;
    std::uint64_t start = 0;
    bool operator==(const Asked&) const = default;
  };
  struct Finished {
    Asked asked;
    Vec end;
    Summary summary;
    double begun = 0;  ///< seconds into the training
  };

  Index every = 0;       ///< iterations between two states
  Index iterations = 0;  ///< so far, over all stages
  double seconds = 0;    ///< so far, over all calls
  Facts facts;           ///< what must be the same: data, start, options, solver
  std::vector<Finished> finished;
  Asked asked;       ///< of the stage in progress
  double begun = 0;  ///< of the stage in progress
  RunState current;
};

/// For files: binary, doubles as they are (a text would be three times as long and need care with NaN), with a checksum.
std::string to_bytes(const TrainState& state);
/// Throws InputError, to be put behind the file's name: "is not a raphson training state: …", "is damaged: …".
TrainState train_state(std::string_view bytes);

}  // namespace raphson
