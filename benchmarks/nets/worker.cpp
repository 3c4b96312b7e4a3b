/// Raphson's part of benchmarks/nets/run and benchmarks/nets/real, one job a process: makes data and starts, trains, names the machine.
/// Every job prints one line of JSON.

#include "benchmarks/convex/npy.hpp"
#include "benchmarks/support/report.hpp"

#include <raphson/core/interrupt.hpp>
#include <raphson/core/threads.hpp>
#include <raphson/models/network/kernel_preconditioner.hpp>
#include <raphson/raphson.hpp>

#include <filesystem>
#include <iostream>
#include <stdexcept>

namespace {

using namespace raphson;
using namespace raphson::bench;

Vec read_vector(const std::string& path) { return arma::vectorise(read_npy(path)); }

/// X.npy and y.npy of rows on the sphere with smooth targets.
void generate(const Arguments& a) {
  const std::string folder = a.text("data");
  std::filesystem::create_directories(folder);
  const Generated made = generate_sphere(static_cast<Index>(a.number("rows")), static_cast<Index>(a.number("columns")),
                                         Seed(static_cast<std::uint64_t>(a.number("seed"))).split(Purpose::data));
  write_npy(folder + "/X.npy", made.C.dense());
  write_npy(folder + "/y.npy", made.y);
  std::cout << "{}\n";
}

TwoLayerRelu network(const Arguments& a) {
  const std::string folder = a.text("data");
  return TwoLayerRelu(DataMatrix::from_rows(read_npy(folder + "/X.npy")), read_vector(folder + "/y.npy"),
                      {.width = static_cast<Index>(a.number("width")), .seed = static_cast<std::uint64_t>(a.number("seed"))});
}

/// W0.npy (m × d), signs.npy (m) and f0.npy, where everybody starts, and what the data allow.
void start(const Arguments& a) {
  const std::string folder = a.text("data");
  const TwoLayerRelu net = network(a);
  const Vec W = net.initial_weights();
  const Vec f = net.predict(net.data(), W);
  write_npy(folder + "/W0.npy", arma::mat(W.memptr(), net.data().cols(), net.width()));
  write_npy(folder + "/signs.npy", Vec(arma::vectorise(net.output_signs())));
  write_npy(folder + "/f0.npy", f);
  const double norm = arma::norm(f - net.target());
  const Json about{{"rows", net.data().rows()}, {"columns", net.data().cols()},          {"width", net.width()}, {"start_norm", norm},
                   {"objective", net.value(W)}, {"floor", net.conflicts().floor / norm}, {"notes", net.notes()}};
  write_json(folder + "/about.json", about);
  std::cout << about.dump() << "\n";
}

std::unique_ptr<LinearSolver> linear_solver(const std::string& name, const DataMatrix& X) {
  if (name == "auto") return std::make_unique<Auto>();
  if (name == "chord") return std::make_unique<Chord>();
  if (name == "exact") return std::make_unique<Exact>();
  if (name == "kernel-cg") return std::make_unique<PreconditionedCg>(relu_kernel_preconditioner(X));
  throw std::runtime_error("no solver " + name);
}

/// Seconds and residual ratios of the net itself; iterations of smoothed stages, which say so, are left out.
Json curve(const Summary& summary) {
  Json points = Json::array();
  for (const Iteration& it : summary.history) {
    if (!it.fallback.starts_with("softplus")) points.push_back({it.seconds, it.residual_ratio});
  }
  return points;
}

void solve(const Arguments& a) {
  const std::string folder = a.text("data"), out = a.text("out");
  const arma::mat X = read_npy(folder + "/X.npy");
  const Vec y = read_vector(folder + "/y.npy"), start = read_vector(folder + "/W0.npy"), signs = read_vector(folder + "/signs.npy");

  const Stopwatch watch;
  const TwoLayerRelu net(DataMatrix::from_rows(X), y, {.width = signs.n_elem, .seed = static_cast<std::uint64_t>(a.number("seed"))});
  const double building = watch.seconds();
  if (!arma::approx_equal(net.output_signs(), signs, "absdiff", 0.0)) throw std::runtime_error("signs.npy is of another seed");
  write_npy(out + "/f0.npy", net.predict(net.data(), start));

  TrainOptions options;
  options.tolerance = a.number("tolerance");
  options.max_iterations = 1000000;
  options.time_limit = a.number("time-limit");
  options.seed = static_cast<std::uint64_t>(a.number("seed"));
  options.threads = static_cast<int>(a.number("threads"));
  Vec W = start;
  const std::unique_ptr<LinearSolver> solver = linear_solver(a.text("solver"), net.data());
  const Summary summary = train_network(net, *solver, W, options);

  write_npy(out + "/W.npy", arma::mat(W.memptr(), net.data().cols(), net.width()));
  const Json result{{"seconds", building + summary.seconds},
                    {"status", to_string(summary.status)},
                    {"message", summary.message},
                    {"steps", summary.iterations},
                    {"inner_steps", summary.inner_iterations},
                    {"residual_ratio", summary.residual_ratio},
                    {"curve", curve(summary)},
                    {"phases",
                     {{"setup", summary.phases.linear_setup},
                      {"solve", summary.phases.linear_solve},
                      {"objective", summary.phases.objective},
                      {"other", summary.phases.other}}},
                    {"used", summary.solver_used},
                    {"reason", summary.solver_reason},
                    {"notes", summary.notes},
                    {"peak_bytes", peak_memory()}};
  std::cout << result.dump() << "\n";
}

}  // namespace

int main(int count, char** words) {
  const Arguments a(count, words, "bench-nets-worker: one job of benchmarks/nets/run",
                    {{"job", "solve", "generate, start, solve, machine"},
                     {"data", "", "folder of X.npy, y.npy, W0.npy, signs.npy"},
                     {"out", "", "solve: folder of f0.npy and W.npy"},
                     {"solver", "auto", "solve: auto, chord, exact, kernel-cg"},
                     {"rows", "500", "generate"},
                     {"columns", "10", "generate"},
                     {"width", "4096", "start"},
                     {"tolerance", "1e-10", "solve: on the residual ratio"},
                     {"time-limit", "inf", "solve: seconds"},
                     {"threads", "2", ""},
                     {"seed", "0", "of data, W0 and signs"}});
  try {
    const std::string job = a.text("job");
    if (job == "generate") {
      generate(a);
    } else if (job == "start") {
      start(a);
    } else if (job == "solve") {
      solve(a);
    } else if (job == "machine") {
      std::cout << machine(static_cast<int>(a.number("threads"))).dump() << "\n";
    } else {
      throw std::runtime_error("no job " + job);
    }
  } catch (const std::exception& error) {
    std::cerr << error.what() << "\n";
    return 2;
  }
  return 0;
}
