/// How often a sketched preconditioner is bad, how often preconditioned-cg notices, and how often its answer is right all the same: rates
/// over seeds with binomial bounds, for every sketch on coherent, incoherent and rank-deficient data.

#include "benchmarks/support/report.hpp"

#include <raphson/core/dense.hpp>
#include <raphson/core/error.hpp>
#include <raphson/core/threads.hpp>
#include <raphson/raphson.hpp>
#include <raphson/solvers/preconditioners/sketched.hpp>

#include <fmt/format.h>
#include <boost/math/distributions/beta.hpp>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <iostream>
#include <thread>

namespace {

using namespace raphson;
using namespace raphson::bench;

struct Data {
  std::string name, meaning;
  std::shared_ptr<const Operator> A;
  Vec b;
  arma::mat H;     ///< AᵀA
  arma::mat root;  ///< columns span the range of H: H = root rootᵀ, k × rank
};

/// H = V Λ Vᵀ, eigenvalues below k ε λmax left out.
Data prepared(std::string name, std::string meaning, DataMatrix C) {
  Data data{std::move(name), std::move(meaning), scaled_rows(C), {}, {}, {}};
  data.A->gram(data.H);
  arma::mat V = data.H;
  Vec values;
  if (!symmetric_eigen(V, values, true)) throw std::runtime_error("no eigenvalues of " + data.name);
  const double floor = 16 * static_cast<double>(V.n_rows) * std::numeric_limits<double>::epsilon() * values.max();
  const arma::uvec kept = arma::find(values > floor);
  data.root = V.cols(kept) * arma::diagmat(arma::sqrt(values.elem(kept)));
  Vec x(V.n_rows);
  Seed(7).split(Purpose::probe).normal(0, {x.memptr(), x.n_elem});
  data.b = data.H * x;  // in the range of AᵀA, also where it is singular
  return data;
}

std::vector<Data> datasets(Index n, Index k) {
  std::vector<Data> all;
  all.push_back(prepared("incoherent", "AR(0.9) columns, scales over 10⁴",
                         generate_regression({.rows = n, .columns = k, .scale_span = 1e4, .correlation = 0.9}).C));
  all.push_back(prepared("coherent", "0.5 % of the rows have leverage near 1",
                         generate_regression({.rows = n, .columns = k, .scale_span = 100, .coherence = 0.005}).C));
  // A column that a single row carries: whatever misses that row is singular.
  arma::mat C = generate_regression({.rows = n, .columns = k, .correlation = 0.5}).C.dense();
  C.row(0).zeros();
  C(0, n / 3) = 1;
  all.push_back(prepared("one row", "a column that one row alone carries", DataMatrix::from_rows(C)));
  C = generate_regression({.rows = n, .columns = k, .correlation = 0.5}).C.dense();
  const Index rank = k - std::max<Index>(1, k / 10);
  for (Index j = rank; j < k; ++j) C.row(j) = C.row(j - rank) - 2 * C.row(j - rank + 1);
  all.push_back(prepared("rank-deficient", fmt::format("rank {} of {} columns, no penalty", rank, k), DataMatrix::from_rows(C)));
  return all;
}

/// Condition number of M⁻¹H on the range of H, by dense eigenvalues; +∞ when M does not see some of that range.
double true_condition(const Data& data, const Preconditioner& M) {
  arma::mat W(data.root.n_rows, data.root.n_cols);
  for (Index j = 0; j < W.n_cols; ++j) {
    Vec z;
    M.solve(data.root.col(j), z);
    W.col(j) = z;
  }
  arma::mat B = data.root.t() * W;
  B = 0.5 * (B + B.t()).eval();
  Vec values;
  if (!symmetric_eigen(B, values, false) || !(values.min() > 0)) return std::numeric_limits<double>::infinity();
  return values.max() / values.min();
}

struct Outcome {
  double condition = 0;  ///< of the first sketch, by eigenvalues
  bool built = false, bad = false, fallback = false, detected = false, claimed = false, accurate = false, exact = false;
};

Outcome one_seed(const Data& data, const SketchOptions& options, double limit, double tolerance, std::uint64_t key) {
  GramSystem system{.A = data.A, .b = &data.b, .tolerance = tolerance, .seed = Seed(key)};
  Outcome o;
  std::string why;
  const auto M = sketched_preconditioner(options)->build(system, 0, why);
  o.built = M != nullptr;
  o.condition = M ? true_condition(data, *M) : std::numeric_limits<double>::infinity();
  o.bad = !(o.condition <= limit);

  Vec z;
  const LinearReport report = PreconditionedCg(options).solve(system, z);
  o.fallback = !report.fallbacks.empty();
  o.exact = o.fallback && report.fallbacks.back().find("exact factorization used") != std::string::npos;
  // Noticed: fell back, or the estimate that the report carries says so.
  o.detected = o.fallback || !(report.condition <= limit);
  o.claimed = report.status == LinearStatus::converged;
  o.accurate = arma::norm(data.b - data.H * z) <= 1.01 * tolerance * arma::norm(data.b);
  return o;
}

/// One-sided 97.5 % Clopper-Pearson upper bound of a rate.
double upper_bound(Index failures, Index trials) {
  if (failures >= trials) return 1;
  const boost::math::beta_distribution<> beta(static_cast<double>(failures) + 1, static_cast<double>(trials - failures));
  return boost::math::quantile(beta, 0.975);
}

std::string percent(double value) { return value < 0.1 ? fmt::format("{:.2g} %", 100 * value) : fmt::format("{:.0f} %", 100 * value); }

std::string rate(Index count, Index trials) {
  if (count == 0) return "0";
  if (count == trials) return "all";
  return fmt::format("{:.2g} %", 100 * static_cast<double>(count) / static_cast<double>(trials));
}

std::vector<Outcome> all_seeds(const Data& data, const SketchOptions& options, double limit, double tolerance, Index seeds, int threads) {
  std::vector<Outcome> outcomes(seeds);
  std::atomic<Index> next{0};
  std::vector<std::jthread> team;
  for (int t = 0; t < threads; ++t)
    team.emplace_back([&] {
      const ThreadScope alone(1);
      for (Index i = next++; i < seeds; i = next++) outcomes[i] = one_seed(data, options, limit, tolerance, i + 1);
    });
  return outcomes;
}

struct Counts {
  Index bad = 0, missed = 0, alarms = 0, fallbacks = 0, exact = 0, accurate = 0, wrong = 0, given_up = 0;
};

Counts count(const std::vector<Outcome>& outcomes) {
  Counts c;
  for (const Outcome& o : outcomes) {
    c.bad += o.bad;
    c.missed += o.bad && !o.detected;
    c.alarms += !o.bad && o.fallback;
    c.fallbacks += o.fallback;
    c.exact += o.exact;
    c.accurate += o.accurate;
    c.wrong += o.claimed && !o.accurate;
    c.given_up += !o.claimed && !o.accurate;
  }
  return c;
}

double quantile(std::vector<double> values, double q) {
  std::ranges::sort(values);
  return values[static_cast<Index>(q * static_cast<double>(values.size() - 1))];
}

const char* introduction =
    "# How often sketches fail, and what happens then\n\n"
    "(AᵀA)z = b for {n} × {k} data, solved by `preconditioned-cg` to ‖b − AᵀAz‖ ≤ {tolerance}·‖b‖ with each kind of sketch, {seeds} seeds "
    "a row. A\n"
    "sketch is called **bad** when the condition number of the preconditioned system, by dense eigenvalues on the range of AᵀA, exceeds\n"
    "{slack} times the bound ((√c + 1)/(√c − 1))², c = s/k, which Gaussian sketches meet: that is more than {limit4:.0f} for s = 4k and "
    "{limit8:.0f} for s = 8k.\n"
    "It is **noticed** when the solver fell back (another sketch, or the exact factorization) or its report's condition estimate exceeds "
    "the same\n"
    "number. An answer is **right** when its residual, computed anew with the matrix AᵀA, meets the tolerance (within 1 %); **wrong** is\n"
    "an answer reported as converged that is not, **given up** one that is neither right nor reported as such. Bounds are one-sided 97.5 % "
    "Clopper-Pearson\n"
    "upper bounds of the rate.\n\n"
    "A bad sketch that goes unnoticed is no wrong answer: CG checks the true residual, and takes more iterations.\n";

}  // namespace

int main(int argument_count, char** words) {
  const Arguments a(argument_count, words, "bench-certificate: how often sketches fail, and what happens then",
                    {{"out", "build/bench", "folder for certificate.md and .json (docs/benchmarks to publish)"},
                     {"seeds", "2000", "seeds of each row"},
                     {"rows", "1000", "n"},
                     {"columns", "20", "k"},
                     {"slack", "2", "a condition number above this many times the bound is bad"},
                     {"tolerance", "1e-8", "of the linear system"},
                     {"precision", "f64", "f64, f32: of sketch and factor"},
                     {"threads", "2", "seeds run side by side"}});
  const auto n = static_cast<Index>(a.number("rows")), k = static_cast<Index>(a.number("columns")),
             seeds = static_cast<Index>(a.number("seeds"));
  const double tolerance = a.number("tolerance"), slack = a.number("slack");
  const auto limit = [&](double c) { return slack * std::pow((std::sqrt(c) + 1) / (std::sqrt(c) - 1), 2); };
  const int threads = static_cast<int>(a.number("threads"));
  Json json{{"command", a.command()}, {"machine", machine(threads)}, {"seeds", seeds}, {"rows", n}, {"columns", k},
            {"slack", slack},         {"rates", Json::array()}};

  std::vector<std::shared_ptr<const SketchKind>> kinds{gaussian_sketch(), srht_sketch(), count_sketch(), sparse_sign_sketch(),
                                                       uniform_rows_sketch()};
  try {
    kinds.insert(kinds.begin() + 2, fourier_sketch());
  } catch (const InputError& missing) {
    std::cout << "fourier: " << missing.what() << "\n";
  }
  std::string text =
      fmt::format(fmt::runtime(introduction), fmt::arg("n", n), fmt::arg("k", k), fmt::arg("tolerance", a.text("tolerance")),
                  fmt::arg("seeds", seeds), fmt::arg("slack", slack), fmt::arg("limit4", limit(4)), fmt::arg("limit8", limit(8)));
  text += fmt::format("\n{}\n\n    {}\n", machine_text(json["machine"]), a.command());

  Counts all;
  Index trials = 0;
  const Stopwatch watch;
  for (const Data& data : datasets(n, k)) {
    text += fmt::format("\n## {}: {}\n\n", data.name, data.meaning);
    std::vector<std::vector<std::string>> rows{{"sketch", "s", "κ median", "κ 99 %", "κ largest", "bad", "bound", "bad, not noticed",
                                                "fell back", "of these to exact", "right", "wrong", "bound", "given up"}};
    for (const auto& kind : kinds)
      for (const Index c : {Index{4}, Index{8}}) {
        const SketchOptions options{
            .kind = kind, .size = std::min(c * k, n), .precision = a.text("precision") == "f32" ? Precision::f32 : Precision::f64};
        const auto outcomes = all_seeds(data, options, limit(static_cast<double>(c)), tolerance, seeds, threads);
        const Counts r = count(outcomes);
        std::vector<double> conditions;
        for (const Outcome& o : outcomes) conditions.push_back(o.condition);
        rows.push_back({kind->name(), fmt::format("{}k", c), rounded(quantile(conditions, 0.5)), rounded(quantile(conditions, 0.99)),
                        rounded(quantile(conditions, 1)), rate(r.bad, seeds), percent(upper_bound(r.bad, seeds)), rate(r.missed, seeds),
                        rate(r.fallbacks, seeds), rate(r.exact, seeds), rate(r.accurate, seeds), rate(r.wrong, seeds),
                        percent(upper_bound(r.wrong, seeds)), rate(r.given_up, seeds)});
        json["rates"].push_back({{"data", data.name},
                                 {"sketch", kind->name()},
                                 {"size", options.size},
                                 {"condition_median", quantile(conditions, 0.5)},
                                 {"condition_99", quantile(conditions, 0.99)},
                                 {"bad", r.bad},
                                 {"bad_upper_bound", upper_bound(r.bad, seeds)},
                                 {"bad_not_noticed", r.missed},
                                 {"fell_back", r.fallbacks},
                                 {"fell_back_though_not_bad", r.alarms},
                                 {"went_exact", r.exact},
                                 {"right", r.accurate},
                                 {"wrong", r.wrong},
                                 {"wrong_upper_bound", upper_bound(r.wrong, seeds)},
                                 {"given_up", r.given_up}});
        all.wrong += r.wrong;
        all.given_up += r.given_up;
        all.bad += r.bad;
        all.missed += r.missed;
        trials += seeds;
        std::cout << fmt::format("{:16} {:14} {}k bad {:6} not noticed {:6} wrong {:4} given up {:4} ({:.0f} s)\n", data.name, kind->name(),
                                 c, r.bad, r.missed, r.wrong, r.given_up, watch.seconds());
      }
    text += table(rows);
  }
  text +=
      fmt::format("\nOver all {} solves: {} bad sketches, {} of them not noticed, {} wrong answers (rate at most {:.2g}), {} given up.\n",
                  trials, all.bad, all.missed, all.wrong, upper_bound(all.wrong, trials), all.given_up);
  json["all"] = {{"trials", trials},
                 {"bad", all.bad},
                 {"bad_not_noticed", all.missed},
                 {"wrong", all.wrong},
                 {"wrong_upper_bound", upper_bound(all.wrong, trials)},
                 {"given_up", all.given_up}};
  json["seconds"] = watch.seconds();
  text += fmt::format("The whole table took {:.0f} s and {:.0f} MiB.\n", watch.seconds(), peak_memory() / (1 << 20));
  write_file(a.text("out") + "/certificate.md", text);
  write_json(a.text("out") + "/certificate.json", json);
  std::cout << "wrote " << a.text("out") << "/certificate.md\n";
  return all.wrong == 0 ? 0 : 1;
}
