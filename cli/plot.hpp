#pragma once
/// Convergence curves by gnuplot.

#include "cli/console.hpp"
#include "cli/output_file.hpp"
#include "cli/result_json.hpp"

#include <string>

namespace raphson::cli {

/// A gnuplot script that draws (f − best)/max(1, |best|), or ‖f−y‖/‖f₀−y‖ for a network, against seconds and against iterations,
/// one curve per solver, into `output`. The picture's kind follows the ending of `path`: .svg, .png, .pdf.
std::string plot_script(const Problem& problem, const std::vector<ComparedRun>& runs, double best, const std::string& title,
                        const std::string& path, const std::string& output);

/// A gnuplot script that draws the loss a row on the fitted rows, and on those kept back where there are some, against the penalty, with
/// the best marked.
std::string path_script(const std::vector<PathRow>& rows, std::optional<Index> best, const std::string& title, const std::string& path,
                        const std::string& output);

/// A gnuplot script that draws one training's residual ratio, and the RMSE on validation rows where history has it, against seconds and
/// against iterations.
std::string learning_script(const Summary& summary, const std::string& title, const std::string& path, const std::string& output);

/// Throws InputError for an ending that has no picture kind.
void check_plot_path(const std::string& path);

/// Has gnuplot draw `script` into plot.temporary() and commits it; when that fails, says why on standard error ("gnuplot is not installed
/// …").
void draw_picture(Console& console, OutputFile& plot, const std::string& script);

/// (f − best)/max(1, |best|): 0 for the best point found.
double objective_gap(double objective, double best);

}  // namespace raphson::cli
