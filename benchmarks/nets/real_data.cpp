/// Networks on real regression data with default options: what training takes, stage by stage.
///
/// Writes real_nets.json and prints a table of Markdown: a row for each data set and seed. Rows of data that are not there are left out by
/// name. With --lazy also what damped steps from lazy starts make of the same rows, for the error on rows held out.

#include <raphson/core/error.hpp>
#include <raphson/core/seed.hpp>
#include <raphson/core/threads.hpp>
#include <raphson/models/network/lazy_start.hpp>
#include <raphson/models/network/recommended_width.hpp>
#include <raphson/models/two_layer_relu.hpp>
#include <raphson/problems/readers.hpp>
#include <raphson/problems/standardize.hpp>
#include <raphson/solvers/auto.hpp>

#include <fmt/format.h>
#include <algorithm>
#include <filesystem>
#include <iostream>
#include <sstream>

#include "benchmarks/support/report.hpp"

using namespace raphson;
using namespace raphson::bench;

namespace {

/// The last column is the target.
struct Source {
  std::string name, path;
};

std::vector<Source> sources(const std::string& folder) {
  const std::string uci = folder + "/regression/";
  return {{"boston", uci + "bostonHousing/data.txt"},
          {"yacht", uci + "yacht/data.txt"},
          {"energy", uci + "energy/data.txt"},
          {"diabetes", source_folder() + "/examples/data/diabetes.csv"},
          {"wine-red", uci + "wine-quality-red/data.txt"},
          {"concrete", uci + "concrete/data.txt"},
          {"kin8nm", uci + "kin8nm/data.txt"},
          {"power-plant", uci + "power-plant/data.txt"}};
}

std::vector<std::string> words(const std::string& text) {
  std::vector<std::string> list;
  std::istringstream stream(text);
  for (std::string word; std::getline(stream, word, ',');) list.push_back(word);
  return list;
}

struct Settings {
  Index width = 0;
  Activation activation;
  double held_out = 0;  ///< share of the rows
  TrainOptions training;
};

/// A network and the rows that are held out from it, as it sees them.
struct Case {
  TwoLayerRelu net;
  DataMatrix X;
  Vec y;

  /// RMSE on the rows held out over the deviation of the training targets; NaN without any.
  double held_out(const Vec& W) const {
    if (y.is_empty()) return arma::datum::nan;
    return arma::norm(Vec(net.predict(X, W)) - y) / std::sqrt(static_cast<double>(y.n_elem));
  }
};

Case make_case(const Source& source, const Settings& settings, std::uint64_t seed) {
  const Dataset data = read(source.path);
  const Index n = data.features.rows(), held = static_cast<Index>(settings.held_out * static_cast<double>(n));
  std::vector<Index> order = Seed(seed).split(Purpose::shuffle).sample_without_replacement(n, held), rest;
  std::ranges::sort(order);
  for (Index i = 0; i < n; ++i) {
    if (!std::ranges::binary_search(order, i)) rest.push_back(i);
  }
  const auto targets = [&](const std::vector<Index>& rows) { return Vec(data.target.elem(arma::conv_to<arma::uvec>::from(rows))); };
  const DataMatrix fitted = data.features.select_rows(rest);
  Standardization scaling;
  scaling.fit(fitted, targets(rest));
  DataMatrix X = scaling.features(fitted);
  const Index width = settings.width > 0 ? settings.width : recommended_width(X).width;
  TwoLayerRelu net(std::move(X), scaling.targets(targets(rest)), {.width = width, .activation = settings.activation, .seed = seed});
  if (held == 0) return {std::move(net), {}, {}};
  return {std::move(net), scaling.features(data.features.select_rows(order)), scaling.targets(targets(order))};
}

/// One training, from the initial weights of a seed, or (scale > 0) by damped steps from a lazy start.
Json train(const Source& source, const Settings& settings, std::uint64_t seed, double scale) {
  const Case given = make_case(source, settings, seed);
  const TwoLayerRelu& net = given.net;
  Auto solver;
  Vec W = net.initial_weights();
  const double start = std::sqrt(2 * net.value(W));
  TrainOptions options = settings.training;
  options.seed = seed;
  if (scale > 0) {
    W = lazy_start(net, scale);
    options.continuation = false;
    options.globalization = Globalization::levenberg_marquardt;
    options.initial_damping = 1e-6;
    options.residual_reference = start;
  }
  const Summary summary = train_network(net, solver, W, options);
  Json row{{"data", source.name},
           {"n", net.data().rows()},
           {"d", net.data().cols()},
           {"width", net.width()},
           {"seed", seed},
           {"start", scale > 0 ? fmt::format("lazy, {:g}", scale) : "usual"},
           {"steps", summary.iterations},
           {"seconds", summary.seconds},
           {"residual_ratio", summary.residual_ratio},
           {"held_out", given.held_out(W)},
           {"floor", net.conflicts().floor / start},
           {"status", to_string(summary.status)},
           {"message", summary.message},
           {"notes", summary.notes}};
  row["stages"] = std::ranges::count_if(summary.notes, [](const std::string& note) { return note.starts_with("iterations "); });
  row["phases"] = {{"linear_setup", summary.phases.linear_setup},
                   {"linear_solve", summary.phases.linear_solve},
                   {"objective", summary.phases.objective}};
  return row;
}

std::vector<std::string> cells(const Json& row) {
  const auto whole = [&row](const char* key) { return fmt::format("{}", row[key].get<Index>()); };
  const double floor = row["floor"].get<double>(), held_out = row["held_out"].get<double>();
  return {row["data"].get<std::string>(),
          whole("n"),
          whole("d"),
          whole("width"),
          whole("seed"),
          row["start"].get<std::string>(),
          whole("stages"),
          whole("steps"),
          seconds_text(row["seconds"].get<double>()),
          fmt::format("{:.2e}", row["residual_ratio"].get<double>()),
          std::isfinite(held_out) ? fmt::format("{:.3g}", held_out) : "–",
          floor > 0 ? fmt::format("{:.2e}", floor) : "0",
          row["status"].get<std::string>()};
}

}  // namespace

int main(int count, char** arguments_given) {
  const Arguments arguments(count, arguments_given, "Trains two-layer networks on real regression data with default options.",
                            {{"data", source_folder() + "/../shared/data", "folder that holds regression/"},
                             {"sets", "boston,yacht,energy,diabetes,wine-red,concrete", "also kin8nm, power-plant"},
                             {"width", "0", "hidden neurons; 0: as recommended"},
                             {"seeds", "3", "seeds 0, 1, … of each"},
                             {"softplus", "0", "β of softplus(βz)/β; 0: ReLU"},
                             {"threads", "0", "0: all cores"},
                             {"time-limit", "60", "seconds a training may take"},
                             {"held-out", "0", "share of the rows to predict"},
                             {"lazy", "", "scales of lazy starts to train from as well, such as 10,1000"},
                             {"out", ".", "folder for real_nets.json"},
                             {"notes", "flag", "print what every stage did"}});
  Settings settings;
  settings.width = static_cast<Index>(arguments.number("width"));
  if (arguments.number("softplus") > 0) settings.activation = Activation::softplus(arguments.number("softplus"));
  settings.training.time_limit = arguments.number("time-limit");
  settings.held_out = arguments.number("held-out");
  const ThreadScope threads(static_cast<int>(arguments.number("threads")));
  Json result{{"machine", machine(thread_count())}, {"command", arguments.command()}};
  std::vector<std::vector<std::string>> rows{
      {"data", "n", "d", "width", "seed", "start", "stages", "steps", "seconds", "residual ratio", "held out", "floor", "status"}};
  const std::vector<std::string> wanted = words(arguments.text("sets"));
  std::vector<double> scales{0};
  for (const std::string& word : words(arguments.text("lazy"))) scales.push_back(std::stod(word));
  for (const Source& source : sources(arguments.text("data"))) {
    if (std::ranges::find(wanted, source.name) == wanted.end()) continue;
    if (!std::filesystem::exists(source.path)) {
      std::cerr << source.name << " is not there: " << source.path << "\n";
      continue;
    }
    for (Index run = 0; run < static_cast<Index>(arguments.number("seeds")) * scales.size(); ++run) {
      const Index seed = run / scales.size();
      const Json row = train(source, settings, seed, scales[run % scales.size()]);
      rows.push_back(cells(row));
      result["rows"].push_back(row);
      std::cerr << fmt::format("{} seed {}, start {}: {} steps, {:.2f} s, {:.2e}, {}\n", source.name, seed, row["start"].get<std::string>(),
                               row["steps"].get<Index>(), row["seconds"].get<double>(), row["residual_ratio"].get<double>(),
                               row["status"].get<std::string>());
      if (!arguments.flag("notes")) continue;
      for (const Json& note : row["notes"]) std::cerr << "    " << note.get<std::string>() << "\n";
    }
  }
  std::cout << table(rows) << "\n" << machine_text(result["machine"]) << "\n";
  write_json(arguments.text("out") + "/real_nets.json", result);
  return 0;
}
