#include "cli/plot.hpp"

#include <raphson/core/error.hpp>

#include <fmt/format.h>

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace raphson::cli {
namespace {

/// Okabe and Ito's colours, told apart by readers who see few.
constexpr const char* colours[] = {"#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#8A6D3B"};
constexpr double floor_shown = 1e-16;

/// In a gnuplot string in single quotes.
std::string quoted(std::string text) {
  for (std::size_t i = 0; (i = text.find('\'', i)) != std::string::npos; i += 2) text.insert(i, 1, '\'');
  return fmt::format("'{}'", text);
}

std::string terminal_of(const std::string& path) {
  const std::string ending = std::filesystem::path(path).extension().string();
  if (ending == ".svg") return "svg size 1000,460 dynamic enhanced font 'sans-serif,13' background '#ffffff'";
  if (ending == ".png") return "pngcairo size 1500,690 enhanced font 'sans,16'";
  if (ending == ".pdf") return "pdfcairo size 10in,4.6in enhanced font 'sans,13'";
  throw InputError(fmt::format("--plot {}: the name must end in .svg, .png or .pdf.", path));
}

double progress(const Problem& problem, const Iteration& i, const Iteration& first, double best) {
  if (!problem.zero_residual()) return objective_gap(i.objective, best);
  return std::isnan(i.residual_ratio) ? std::sqrt(i.objective / first.objective) : i.residual_ratio;
}

/// A data block: seconds, iteration, progress.
std::string block(const Problem& problem, const ComparedRun& run, std::size_t number, double best) {
  std::string text = fmt::format("$run{} << EOD\n", number);
  for (const Iteration& i : run.summary.history) {
    const double y = progress(problem, i, run.summary.history.front(), best);
    if (std::isfinite(y)) text += fmt::format("{:.6g} {} {:.6g}\n", std::max(i.seconds, 1e-4), i.iteration, std::max(y, floor_shown));
  }
  return text + "EOD\n";
}

/// `plot` over all runs that have a curve: its column 1 (seconds) or 2 (iterations), or, for 0, nothing but its line in the legend.
std::string plot_command(const std::vector<ComparedRun>& runs, int column) {
  std::string text;
  for (std::size_t r = 0; r < runs.size(); ++r) {
    if (!runs[r].ran() || runs[r].summary.history.empty()) continue;
    const std::size_t every = 1 + runs[r].summary.history.size() / 12;
    const std::string what = column ? fmt::format("$run{} using {}:3", r, column) : std::string("NaN");
    text += fmt::format("{}{} with linespoints lw 2 lc rgb '{}' pt {} ps 0.7", text.empty() ? "plot " : ", ", what,
                        colours[r % std::size(colours)], 5 + 2 * (r % 5));
    text += column ? fmt::format(" pi {} notitle", every) : fmt::format(" title {}", quoted(runs[r].row->name));
  }
  return text.append("\n");
}

/// Largest iteration number and ratio of the longest to the shortest run: what decides between linear and logarithmic axes.
bool spread_widely(const std::vector<ComparedRun>& runs) {
  Index most = 0, least = std::numeric_limits<Index>::max();
  for (const ComparedRun& run : runs) {
    if (!run.ran()) continue;
    most = std::max(most, run.summary.iterations);
    least = std::min(least, run.summary.iterations);
  }
  return most > 20 && most > 10 * least;
}

std::string shell_quoted(const std::string& text) {
  std::string out = "'";
  for (const char c : text) out.append(c == '\'' ? "'\\''" : std::string(1, c));
  return out.append("'");
}

/// "" when gnuplot drew the picture, else what went wrong.
std::string run_gnuplot(const std::string& script) {
  const std::string name = (std::filesystem::temp_directory_path() / fmt::format("raphson-{}.gnuplot", getpid())).string();
  std::ofstream(name) << script;
  const int status = std::system(fmt::format("gnuplot {} 2>{}.err", shell_quoted(name), shell_quoted(name)).c_str());
  std::string first_line;
  std::ifstream errors(name + ".err");
  while (first_line.empty() && std::getline(errors, first_line)) {
  }
  std::filesystem::remove(name + ".err");
  std::filesystem::remove(name);
  if (status == 0) return {};
  if (WIFEXITED(status) && WEXITSTATUS(status) == 127) return "gnuplot is not installed (apt install gnuplot-nox)";
  return "gnuplot failed: " + first_line;
}

}  // namespace

double objective_gap(double objective, double best) { return (objective - best) / std::max(1.0, std::abs(best)); }

void check_plot_path(const std::string& path) {
  if (!path.empty()) terminal_of(path);
}

std::string plot_script(const Problem& problem, const std::vector<ComparedRun>& runs, double best, const std::string& title,
                        const std::string& path, const std::string& output) {
  std::string script;
  for (std::size_t r = 0; r < runs.size(); ++r)
    if (runs[r].ran()) script += block(problem, runs[r], r, best);
  script += fmt::format("set terminal {}\nset output {}\n", terminal_of(path), quoted(output));
  script += fmt::format("set multiplot layout 1,2 title {} noenhanced\n", quoted(title));
  script +=
      "set logscale y\nset format y '10^{%T}'\nset grid lc rgb '#d0d0d0' lw 0.5\nset border 3\nset tics nomirror\n"
      "set tmargin at screen 0.90\nset bmargin at screen 0.26\n";
  script += "set lmargin at screen 0.09\nset rmargin at screen 0.49\nunset key\n";
  script += fmt::format("set ylabel {}\n",
                        problem.zero_residual() ? "'residual ratio ‖f − y‖ / ‖f_0 − y‖'" : "'objective gap (f − f*) / max(1, |f*|)'");
  script += "set xlabel 'seconds'\nset logscale x\n" + plot_command(runs, 1);
  script += "set lmargin at screen 0.57\nset rmargin at screen 0.98\nunset ylabel\nset xlabel 'iterations'\n";
  script += (spread_widely(runs) ? "" : "unset logscale x\n") + plot_command(runs, 2);
  // The legend of both: a plot without axes.
  script +=
      "set lmargin at screen 0.02\nset rmargin at screen 0.98\nset tmargin at screen 0.15\nset bmargin at screen 0.01\n"
      "unset logscale\nunset border\nunset tics\nunset grid\nunset xlabel\nset xrange [0:1]\nset yrange [0:1]\n"
      "set key center center horizontal samplen 2 width 1 noenhanced\n";
  script += plot_command(runs, 0);
  script += "unset multiplot\nset output\n";
  return script;
}

std::string path_script(const std::vector<PathRow>& rows, std::optional<Index> best, const std::string& title, const std::string& path,
                        const std::string& output) {
  std::string script = "$path << EOD\n";
  for (const PathRow& row : rows) script += fmt::format("{:.6g} {:.9g} {:.9g}\n", row.point->l2, row.training, row.validation);
  script += "EOD\n";
  script += fmt::format("set terminal {}\nset output {}\n", terminal_of(path), quoted(output));
  script += fmt::format("set title {} noenhanced\n", quoted(title));
  script +=
      "set logscale x\nset format x '10^{%T}'\nset grid lc rgb '#d0d0d0' lw 0.5\nset border 3\nset tics nomirror\nset offsets 0,0,graph "
      "0.05,0\n"
      "set datafile missing 'nan'\nset key outside top center horizontal\nset xlabel 'penalty μ (l2)'\nset ylabel 'loss a row'\n";
  script += fmt::format("plot $path using 1:2 with linespoints lw 2 lc rgb '{}' pt 5 ps 0.5 title 'fitted rows'", colours[0]);
  if (best) {
    script += fmt::format(", $path using 1:3 with linespoints lw 2 lc rgb '{}' pt 7 ps 0.5 title 'rows kept back'", colours[1]);
    script += fmt::format(", $path every ::{0}::{0} using 1:3 with points lc rgb '{1}' pt 6 ps 2 lw 2 title 'best'", *best, colours[2]);
  }
  return script + "\nset output\n";
}

namespace {

/// 1, 2 or 5 times a power of ten, so that at most six such steps fit into `length`: labels then do not touch.
double tick_step(double length) {
  if (!(length > 0 && std::isfinite(length))) return 1;
  const double power = std::pow(10, std::floor(std::log10(length / 6)));
  for (const double factor : {1.0, 2.0, 5.0})
    if (factor * power >= length / 6) return factor * power;
  return 10 * power;
}

}  // namespace

std::string learning_script(const Summary& summary, const std::string& title, const std::string& path, const std::string& output) {
  std::string script = "$run << EOD\n";
  bool validated = false;
  Iteration last;
  for (const Iteration& i : summary.history) {
    last = i;
    script += fmt::format("{:.6g} {} {:.6g} {:.6g}\n", i.seconds, i.iteration, std::max(i.residual_ratio, floor_shown), i.held_out);
    validated = validated || std::isfinite(i.held_out);
  }
  script += fmt::format("EOD\nset terminal {}\nset output {}\n", terminal_of(path), quoted(output));
  script += fmt::format("set multiplot layout 1,2 title {} noenhanced\n", quoted(title));
  script +=
      "set datafile missing 'nan'\nset logscale y\nset format y '10^{%T}'\nset grid lc rgb '#d0d0d0' lw 0.5\n"
      "set tics nomirror\nset xrange [0:]\nset key outside bottom center horizontal\nset ylabel 'residual ratio ‖f − y‖ / ‖f_0 − y‖'\n";
  script += validated ? "set border 11\nset y2tics\nset y2label 'validation RMSE'\n" : "set border 3\n";
  for (const int column : {1, 2}) {
    script += fmt::format("set xlabel '{}'\nset xtics {:g}\n", column == 1 ? "seconds" : "iterations",
                          tick_step(column == 1 ? last.seconds : static_cast<double>(last.iteration)));
    script += fmt::format("plot $run using {}:3 with lines lw 2 lc rgb '{}' title 'training residual'", column, colours[0]);
    if (validated)
      script += fmt::format(", $run using {}:4 axes x1y2 with lines lw 2 lc rgb '{}' title 'validation RMSE'", column, colours[1]);
    script += "\n";
  }
  return script + "unset multiplot\nset output\n";
}

void draw_picture(Console& console, OutputFile& plot, const std::string& script) {
  const std::string trouble = run_gnuplot(script);
  console.stage("");
  if (!trouble.empty()) {
    fmt::print(stderr, "raphson: no picture: {}\n", trouble);
    return;
  }
  plot.commit();
  console.line("wrote     " + plot.path());
}

}  // namespace raphson::cli
