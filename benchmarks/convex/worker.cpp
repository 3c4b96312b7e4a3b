/// Raphson's part of benchmarks/convex/run, one job a process: makes the data, converts real sets, solves, measures the machine's rates.
/// Every job prints one line of JSON.

#include "benchmarks/convex/npy.hpp"
#include "benchmarks/support/counting.hpp"
#include "benchmarks/support/report.hpp"

#include <raphson/core/dense.hpp>
#include <raphson/core/large_memory.hpp>
#include <raphson/core/threads.hpp>
#include <raphson/raphson.hpp>

#include <fmt/format.h>

#include <cmath>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <numeric>
#include <thread>

extern "C" void dsyrk_(const char*, const char*, const int*, const int*, const double*, const double*, const int*, const double*, double*,
                       const int*);
extern "C" void dpotrf_(const char*, const int*, double*, const int*, int*);
extern "C" void dpotrs_(const char*, const int*, const int*, const double*, const int*, double*, const int*, int*);

namespace {

using namespace raphson;
using namespace raphson::bench;

// ---- data ------------------------------------------------------------------------------------------------------------------------------

void write_data(const std::string& folder, const DataMatrix& C, const Vec& y, Json about) {
  std::filesystem::create_directories(folder);
  if (C.is_sparse()) {
    const arma::sp_mat& rows = C.sparse();  // d × n by columns: compressed rows of the data
    rows.sync();
    write_npy(folder + "/values.npy", Vec(rows.values, rows.n_nonzero));
    write_npy_integers(folder + "/columns.npy", {rows.row_indices, rows.row_indices + rows.n_nonzero});
    write_npy_integers(folder + "/starts.npy", {rows.col_ptrs, rows.col_ptrs + rows.n_cols + 1});
  } else {
    write_npy(folder + "/X.npy", C.dense());
  }
  write_npy(folder + "/y.npy", y);
  about["rows"] = C.rows();
  about["columns"] = C.cols();
  about["sparse"] = C.is_sparse();
  about["nonzeros"] = C.nonzeros();
  write_json(folder + "/about.json", about);
  std::cout << about.dump() << "\n";
}

/// Margins ⟨cᵢ,x*⟩ of standard deviation about `spread`, as steep as the prototypes' data; labels or counts drawn from them.
void generate(const Arguments& a) {
  const GeneratorOptions options{.rows = static_cast<Index>(a.number("rows")),
                                 .columns = static_cast<Index>(a.number("columns")),
                                 .scale_span = a.number("scale-span"),
                                 .correlation = a.number("correlation"),
                                 .coherence = a.number("coherence"),
                                 .density = a.number("density"),
                                 .noise = 0,
                                 .seed = static_cast<std::uint64_t>(a.number("seed"))};
  const bool counts = a.text("loss") == "poisson";
  Generated made = counts ? generate_counts(options) : generate_regression(options);
  if (!counts) {
    const double spread = a.number("spread");
    const Seed seed = Seed(options.seed).split(Purpose::shuffle);
    for (Index i = 0; i < options.rows; ++i) made.y(i) = seed.uniform(i) < 1 / (1 + std::exp(-spread * made.y(i))) ? 1 : -1;
  }
  write_data(a.text("out"), made.C, made.y, {{"loss", a.text("loss")}, {"source", "generated"}});
}

void convert(const Arguments& a) {
  Dataset data = read(a.text("file"), {.target = a.text("target")});
  const std::string loss = a.text("loss");
  const LinearModel model(data.features, data.target, loss == "poisson" ? poisson_loss() : logistic_loss());  // checks and codes the target
  write_data(a.text("out"), data.features, model.target(), {{"loss", loss}, {"source", std::filesystem::path(a.text("file")).filename()}});
}

DataMatrix load(const std::string& folder) {
  const std::string dense = folder + "/X.npy";
  if (std::filesystem::exists(dense)) return DataMatrix::from_rows(read_npy(dense));
  std::ifstream file(folder + "/about.json");
  const Index d = Json::parse(file)["columns"];
  const auto columns = read_npy_integers(folder + "/columns.npy"), starts = read_npy_integers(folder + "/starts.npy");
  const arma::mat values = read_npy(folder + "/values.npy");
  const auto unsigned_of = [](const std::vector<std::int64_t>& v) { return arma::conv_to<arma::uvec>::from(v); };
  return DataMatrix::from_rows(arma::sp_mat(unsigned_of(columns), unsigned_of(starts), arma::vectorise(values), d, starts.size() - 1));
}

// ---- solving ---------------------------------------------------------------------------------------------------------------------------

std::unique_ptr<LinearSolver> linear_solver(const std::string& name) {
  if (name == "auto") return std::make_unique<Auto>();
  if (name == "exact") return std::make_unique<Exact>();
  if (name == "preconditioned-cg")
    return std::make_unique<PreconditionedCg>(SketchOptions{.precision = Precision::f32}, Reuse::while_contracting);
  if (name == "cg") return std::make_unique<Cg>();
  if (name == "jacobi-cg") return std::make_unique<Cg>(Cg::Scaling::jacobi);
  if (name == "sparse-cholesky") return std::make_unique<SparseCholesky>();
  return nullptr;
}

/// Newton's method as textbooks have it, the yardstick: from 0, AᵀDA by the BLAS's dsyrk over blocks of stored rows, its Cholesky
/// factorization, halved steps. Nothing of Raphson's but the objective.
Summary textbook_newton(const LinearModel& model, Vec& x, const Options& options) {
  const auto ours = [&](const auto& call) {
    const ThreadScope scope(options.threads);  // the BLAS has one thread meanwhile, and all of them otherwise
    return call();
  };
  const Stopwatch watch;
  const Index k = model.parameters(), most = std::clamp<Index>(k, 2048, 4096);
  const int size = static_cast<int>(k), one_column = 1;
  Summary summary;
  summary.status = Status::iteration_limit;
  auto at = ours([&] { return model.linearize(x); });
  double start = 0;
  arma::mat H(k, k), B;
  for (; summary.iterations < 100; ++summary.iterations) {
    const double norm = arma::norm(at->gradient());
    if (summary.iterations == 0) start = norm;
    if (norm <= options.tolerance * start) {
      summary.status = Status::converged;
      break;
    }
    if (watch.seconds() > options.time_limit) break;
    for (Index first = 0; first < at->matrix()->rows(); first += most) {
      std::vector<Index> rows(std::min(most, at->matrix()->rows() - first));
      std::iota(rows.begin(), rows.end(), first);
      ours([&] { at->matrix()->gather_rows(rows, B); });
      const int count = static_cast<int>(rows.size());
      const double one = 1, keep = first > 0;
      dsyrk_("L", "N", &size, &count, &one, B.memptr(), &size, &keep, H.memptr(), &size);
    }
    if (at->penalty()) H.diag() += *at->penalty();
    Vec p = at->right_hand_side();
    int info = 0;
    dpotrf_("L", &size, H.memptr(), &size, &info);
    if (info != 0) break;
    dpotrs_("L", &size, &one_column, H.memptr(), &size, p.memptr(), &size, &info);
    at = ours([&] {
      const auto line = at->along(p);
      const double slope = arma::dot(at->gradient(), p);
      double t = 1;
      while (t > 1e-6 && !(line->value(t) <= at->value() + 1e-4 * t * slope + at->value_resolution())) t /= 2;
      x += t * p;
      return line->linearize(t);
    });
  }
  summary.solver_used = "dsyrk";
  return summary;
}

void solve(const Arguments& a) {
  const std::string folder = a.text("data"), name = a.text("solver");
  const Stopwatch reading;
  const DataMatrix C = load(folder);
  const Vec y = arma::vectorise(read_npy(folder + "/y.npy"));
  const double read_seconds = reading.seconds(), data_memory = peak_memory();

  Options options{.tolerance = a.number("tolerance"), .max_iterations = 100000, .time_limit = a.number("time-limit")};
  options.seed = static_cast<std::uint64_t>(a.number("seed"));
  options.threads = static_cast<int>(a.number("threads"));
  const Stopwatch watch;
  const LinearModel model(C, y, a.text("loss") == "poisson" ? poisson_loss() : logistic_loss(),
                          {.l2 = a.number("l2"), .intercept = a.flag("intercept")});
  Vec x(model.parameters(), arma::fill::zeros);
  Summary summary;
  const std::unique_ptr<LinearSolver> solver = linear_solver(name);
  if (!solver && name != "lbfgs" && name != "dsyrk-newton") throw std::runtime_error("no solver " + name);
  std::unique_ptr<Recorder> recorder;
  if (solver) recorder = std::make_unique<Recorder>(*solver);
  summary = recorder          ? minimize(model, *recorder, x, options)
            : name == "lbfgs" ? lbfgs(model, x, options)
                              : textbook_newton(model, x, options);
  const double seconds = watch.seconds();

  write_npy(a.text("out"), x);
  Json result{{"seconds", seconds},
              {"read_seconds", read_seconds},
              {"status", to_string(summary.status)},
              {"message", summary.message},
              {"iterations", summary.iterations},
              {"inner_iterations", summary.inner_iterations},
              {"phases",
               {{"setup", summary.phases.linear_setup},
                {"solve", summary.phases.linear_solve},
                {"objective", summary.phases.objective},
                {"other", summary.phases.other}}},
              {"used", summary.solver_used},
              {"reason", summary.solver_reason},
              {"peak_bytes", peak_memory()},
              {"bytes_after_reading", data_memory}};
  if (recorder) {
    result["sketch_size"] = recorder->sketch_size();
    result["builds"] = recorder->builds();
    result["full_builds"] = recorder->builds(model.data().rows());
    result["fallbacks"] = recorder->fallbacks();
  }
  std::cout << result.dump() << "\n";
}

// ---- rates -----------------------------------------------------------------------------------------------------------------------------

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define RAPHSON_BEST_VECTORS __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define RAPHSON_BEST_VECTORS
#endif

/// Independent sums, so that the latency of additions does not limit.
RAPHSON_BEST_VECTORS double sum(const double* p, std::size_t count) {
  double s[64] = {};
  for (std::size_t i = 0; i + 64 <= count; i += 64)
    for (std::size_t j = 0; j < 64; ++j) s[j] += p[i + j];
  double total = 0;
  for (const double part : s) total += part;
  return total;
}

/// Bytes a second that `threads` threads read from an array far larger than the caches; median of five passes.
double read_bandwidth(int threads) {
  auto data = raw_vector<double>(Index{1} << 27);  // 1 GiB, on large pages as the data are
  data.fill(1.0);
  const auto team_size = static_cast<std::size_t>(threads);
  const std::size_t share = data.n_elem / team_size;
  std::vector<double> sums(team_size * 8);
  const auto pass = [&] {
    std::vector<std::jthread> team;
    for (std::size_t t = 0; t < team_size; ++t) team.emplace_back([&, t] { sums[t * 8] = sum(data.memptr() + t * share, share); });
  };
  pass();
  const double seconds = median(timed(5, 10, pass));
  if (!(sums[0] > 0)) throw std::logic_error("the sum of ones is not positive");
  return static_cast<double>(share * team_size * sizeof(double)) / seconds;
}

/// What bounds a solve of so many columns now: reading memory, and Gram matrices from eight-bit numbers, or in single precision without
/// those.
void speed(const Arguments& a) {
  const int threads = static_cast<int>(a.number("threads"));
  const double bandwidth = read_bandwidth(threads);
  const ThreadScope scope(threads);
  const Machine& m = Machine::measured();
  const auto columns = static_cast<Index>(a.number("columns"));
  const double gram = std::max(m.gram_rounded > 0 ? m.gram_rounded_rate(columns) : 0.0, m.gram_rate(columns, true));
  std::cout << Json{{"read_bytes_per_second", bandwidth}, {"gram_rounded_flops", gram}}.dump() << "\n";
}

void rates(const Arguments& a) {
  const int threads = static_cast<int>(a.number("threads"));
  const ThreadScope scope(threads);
  const Machine& m = Machine::measured();
  const Json result{{"machine_as_raphson_sees_it",
                     {{"gemm", m.gemm},
                      {"gemm_single", m.gemm_single},
                      {"factor", m.factor},
                      {"factor_single", m.factor_single},
                      {"bandwidth", m.bandwidth},
                      {"sparse", m.sparse}}},
                    {"machine", machine(threads)}};
  std::cout << result.dump() << "\n";
}

}  // namespace

int main(int count, char** words) {
  const Arguments a(count, words, "bench-convex-worker: one job of benchmarks/convex/run",
                    {{"job", "solve", "generate, convert, solve, rates, speed"},
                     {"data", "", "solve: folder of the data"},
                     {"solver", "auto", "solve: auto, exact, preconditioned-cg, cg, jacobi-cg, sparse-cholesky, lbfgs, dsyrk-newton"},
                     {"loss", "logistic", "logistic, poisson"},
                     {"l2", "1e-3", "solve: penalty"},
                     {"intercept", "flag", "solve: an unpenalized constant"},
                     {"tolerance", "1e-8", "solve: on the relative gradient"},
                     {"time-limit", "inf", "solve: seconds"},
                     {"threads", "2", ""},
                     {"seed", "0", ""},
                     {"out", "", "solve: file of the solution; generate, convert: folder"},
                     {"rows", "10000", "generate"},
                     {"columns", "100", "generate, speed"},
                     {"scale-span", "1e4", "generate"},
                     {"correlation", "0.9", "generate"},
                     {"coherence", "0", "generate"},
                     {"density", "1", "generate"},
                     {"spread", "2.5", "generate: standard deviation of the margins"},
                     {"file", "", "convert"},
                     {"target", "", "convert: column"}});
  try {
    const std::string job = a.text("job");
    if (job == "generate") {
      generate(a);
    } else if (job == "convert") {
      convert(a);
    } else if (job == "solve") {
      solve(a);
    } else if (job == "speed") {
      speed(a);
    } else if (job == "rates") {
      rates(a);
    } else {
      throw std::runtime_error("no job " + job);
    }
  } catch (const std::exception& error) {
    std::cerr << error.what() << "\n";
    return 2;
  }
  return 0;
}
