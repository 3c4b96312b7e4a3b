/// How many reads of A a sketch of dense rows costs, from double and single precision, beside a plain read of A in the same minute; and
/// what a preconditioner gains from a sketch that is rounded to single precision as it is formed.

#include "benchmarks/support/report.hpp"

#include <raphson/core/large_memory.hpp>
#include <raphson/core/row_gram.hpp>
#include <raphson/core/threads.hpp>
#include <raphson/raphson.hpp>
#include <raphson/solvers/preconditioners/sketched.hpp>
#include <raphson/solvers/sketches/sketches.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <filesystem>
#include <iostream>

namespace {

using namespace raphson;
using namespace raphson::bench;

/// All of A through the registers, 64 sums side by side; the result keeps the compiler from leaving it out.
template <class Real>
double read_all(const Mat<Real>& A) {
  const Blocks blocks = cut(A.n_elem, 1 << 16);
  std::vector<double> part(blocks.count());
  parallel_for(blocks.count(), [&](Index b) {
    std::array<Real, 64> sum{};
    for (Index i = blocks.begin(b); i + 64 <= blocks.end(b); i += 64) {
      for (Index lane = 0; lane < 64; ++lane) sum[lane] += A.memptr()[i + lane];
    }
    for (const Real value : sum) part[b] += static_cast<double>(value);
  });
  double total = 0;
  for (const double value : part) total += value;
  return total;
}

/// Numbers that are not all alike, on pages of their own.
template <class Real>
Mat<Real> data(Index columns, Index rows) {
  Mat<Real> A = raw_matrix<Real>(columns, rows);
  const Blocks blocks = cut(rows, 1024);
  parallel_for(blocks.count(), [&](Index b) {
    for (Index i = blocks.begin(b); i < blocks.end(b); ++i) {
      std::uint64_t state = (i + 1) * 0x9E3779B97F4A7C15u;
      for (Index j = 0; j < columns; ++j) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        A(j, i) = static_cast<Real>(static_cast<double>(state >> 40) * 0x1p-23 - 1);
      }
    }
  });
  return A;
}

/// Seconds, the least of the repeats.
struct Cell {
  double read = 1e300, draw = 1e300, sketch = 1e300;

  void keep(double& best, const std::function<void()>& task) { best = std::min(best, timed(1, 1, task)[0]); }
};

/// `draw` makes S, `apply` sketches with it.
template <class Real, class Draw, class Apply>
Cell measure(const Mat<Real>& A, int repeats, const Draw& draw, const Apply& apply) {
  apply(*draw());  // first touch
  volatile double sum = 0;
  Cell cell;
  for (int r = 0; r < repeats; ++r) {
    decltype(draw()) S;
    cell.keep(cell.read, [&] { sum = sum + read_all(A); });
    cell.keep(cell.draw, [&] { S = draw(); });
    apply(*S);  // what is sorted at the first use
    cell.keep(cell.sketch, [&] { apply(*S); });
  }
  return cell;
}

struct Kind {
  std::shared_ptr<const SketchKind> kind;
  const char* label;
};

const std::vector<Kind>& oblivious_kinds() {
  static const std::vector<Kind> kinds{{count_sketch(), "count-sketch"},
                                       {sparse_sign_sketch(4), "sparse-sign, 4"},
                                       {sparse_sign_sketch(8), "sparse-sign, 8"},
                                       {srht_sketch(), "srht"},
                                       {uniform_rows_sketch(), "uniform-rows"}};
  return kinds;
}

class Page {
 public:
  void add(const char* label, Index N, Index k, const char* precision, Index s, double bytes, const Cell& cell) {
    rows_.push_back({label, fmt::format("{} x {}", N, k), precision, fmt::format("{}", s), fmt::format("{:.1f}", 1e3 * cell.draw),
                     fmt::format("{:.1f}", 1e3 * cell.sketch), fmt::format("{:.2f}", cell.sketch / cell.read),
                     fmt::format("{:.1f}", bytes / cell.read / 1e9)});
    cases_.push_back({{"kind", label},
                      {"rows", N},
                      {"columns", k},
                      {"precision", precision},
                      {"s", s},
                      {"draw_seconds", cell.draw},
                      {"sketch_seconds", cell.sketch},
                      {"read_seconds", cell.read}});
  }
  std::string text() const { return table(rows_); }
  const Json& cases() const { return cases_; }

 private:
  std::vector<std::vector<std::string>> rows_{{"sketch", "A", "A → S A", "s", "draw, ms", "sketch, ms", "reads of A", "read, GB/s"}};
  Json cases_ = Json::array();
};

void add_double(Index N, Index k, Index s, int repeats, Page& page) {
  const arma::mat A = data<double>(k, N);
  const auto op = scaled_rows(points_as_columns(A));
  const double bytes = 8.0 * static_cast<double>(A.n_elem);
  arma::mat B;
  Mat<float> rounded;
  std::vector<Kind> kinds = oblivious_kinds();
  kinds.push_back({norm_rows_sketch(), "norm-rows"});
  kinds.push_back({leverage_rows_sketch(), "leverage-rows"});
  for (const Kind& kind : kinds) {
    const auto draw = [&] { return kind.kind->make_for(*op, s, Seed(1)); };
    page.add(kind.label, N, k, "f64 → f64", s, bytes, measure(A, repeats, draw, [&](const auto& S) { op->sketch(S, B); }));
    page.add(kind.label, N, k, "f64 → f32", s, bytes, measure(A, repeats, draw, [&](const auto& S) { op->sketch_single(S, rounded); }));
  }
}

void add_single(Index N, Index k, Index s, int repeats, Page& page) {
  const Mat<float> A = data<float>(k, N);
  const DenseRows<float> rows{A.memptr(), N, k, k};
  Mat<float> B;
  for (const Kind& kind : oblivious_kinds()) {
    const auto draw = [&] { return kind.kind->make_single(s, N, Seed(1)); };
    page.add(kind.label, N, k, "f32 → f32", s, 4.0 * static_cast<double>(A.n_elem),
             measure(A, repeats, draw, [&](const auto& S) { S.apply_rows(rows, B); }));
  }
}

/// S A in memory of its own and its Gram matrix in single precision, from numbers of eight bits where `eight`.
template <class Real>
void sketch_and_gram(const Operator& A, const Sketch<double>& S, bool eight) {
  Mat<Real> B;
  Mat<float> G;
  if constexpr (sizeof(Real) == 4) {
    A.sketch_single(S, B);
  } else {
    A.sketch(S, B);
  }
  const DenseRows<Real> rows{B.memptr(), B.n_cols, B.n_rows, B.n_rows};
  if (!eight || !rounded_row_gram(rows, G)) row_gram<float, Real>(rows, G);
}

/// Seconds for the Gram matrix of a count-sketch of factor·k rows that lies in double or in single precision, in turns, the least; and for
/// the whole preconditioner.
std::string setup(Index N, Index k, Index factor, int repeats, Json& cases) {
  const arma::mat A = data<double>(k, N);
  GramSystem system;
  system.A = scaled_rows(points_as_columns(A));
  const Index s = factor * k;
  std::vector<std::vector<std::string>> rows{{"A", "s", "Gram", "by S A in double, s", "in single, s", "ratio", "whole build, s"}};
  for (const bool eight : {false, true}) {
    const auto kind = sketched_preconditioner({.size = s, .precision = eight ? Precision::i8 : Precision::f32});
    const auto S = count_sketch()->make(s, N, Seed(1));
    Cell doubles, singles;
    for (int r = 0; r < repeats; ++r) {
      doubles.keep(doubles.sketch, [&] { sketch_and_gram<double>(*system.A, *S, eight); });
      singles.keep(singles.sketch, [&] { sketch_and_gram<float>(*system.A, *S, eight); });
      std::string why;
      singles.keep(singles.draw, [&] { kind->build(system, 0, why); });
    }
    const char* name = eight ? "i8" : "f32";
    rows.push_back({fmt::format("{} x {}", N, k), fmt::format("{}", s), name, seconds_text(doubles.sketch), seconds_text(singles.sketch),
                    fmt::format("{:.2f}", doubles.sketch / singles.sketch), seconds_text(singles.draw)});
    cases.push_back({{"rows", N},
                     {"columns", k},
                     {"s", s},
                     {"gram", name},
                     {"double_seconds", doubles.sketch},
                     {"single_seconds", singles.sketch},
                     {"build_seconds", singles.draw}});
  }
  return table(rows);
}

/// What prototypes/convex/p1 prints of its sketches, run on as many rows and columns; a line saying so where there is none.
std::string prototype(const std::string& program, Index N, Index k) {
  if (!std::filesystem::exists(program)) return fmt::format("skipped: prototype ({} is not there)\n", program);
  std::string lines;
  FILE* pipe = popen(fmt::format("'{}' {} {} 8", program, N, k).c_str(), "r");
  for (std::array<char, 512> line; pipe && fgets(line.data(), line.size(), pipe);) lines += line.data();
  if (!pipe || pclose(pipe) != 0) return fmt::format("skipped: prototype ({} failed)\n", program);
  return fmt::format("    {} {} {} 8\n{}", std::filesystem::path(program).filename().string(), N, k,
                     std::string("    ") + lines.replace(lines.size() - 1, 1, ""));
}

}  // namespace

int main(int argc, char** argv) {
  const Arguments arguments(argc, argv, "Reads of A that a sketch of dense rows costs.",
                            {{"out", "build/bench", "folder for sketches.md and sketches.json"},
                             {"threads", "2", "threads"},
                             {"scale", "1", "rows are divided by it"},
                             {"factor", "4", "s/k"},
                             {"repeats", "5", "the least of so many counts"},
                             {"setup", "flag", "build preconditioners of 100000 x 2000 and 100000 x 4000 too: 5 GB of memory"},
                             {"prototype", "", "prototypes/convex/p1, built: what it measures in the same minute"}});
  const int threads = static_cast<int>(arguments.number("threads")), repeats = static_cast<int>(arguments.number("repeats"));
  const auto scale = static_cast<Index>(arguments.number("scale")), factor = static_cast<Index>(arguments.number("factor"));
  const ThreadScope scope(threads);
  const Json host = machine(threads);
  Page page;
  std::string text, rivals;
  for (const auto& [N, k] : {std::pair<Index, Index>{1000000, 50}, {100000, 500}, {100000, 1000}, {50000, 2000}}) {
    const Index rows = N / scale, s = std::min(factor * k, rows / 2);
    add_double(rows, k, s, repeats, page);
    add_single(rows, k, s, repeats, page);
    if (!arguments.text("prototype").empty() && k >= 500) rivals += prototype(arguments.text("prototype"), rows, k);
  }
  Json setups = Json::array();
  if (arguments.flag("setup")) {
    const Index rows = 100000 / scale;
    text = "\n## Building a preconditioner\n\n" + setup(rows, std::min<Index>(2000, rows / 50), 12, repeats, setups) + "\n" +
           setup(rows, std::min<Index>(4000, rows / 25), 6, repeats, setups);
  }
  if (!rivals.empty()) text += "\n## The prototype, in its own words\n\n" + rivals;
  const std::string content = fmt::format(
      "# What a sketch of dense rows costs\n\n{}\n\nSeconds are the least of {}; a read is one plain pass over A "
      "between them. Kinds that look at A read it when they draw.\n\n{}{}\nCommand: `{}`\n",
      machine_text(host), repeats, page.text(), text, arguments.command());
  std::cout << content;
  write_file(arguments.text("out") + "/sketches.md", content);
  write_json(arguments.text("out") + "/sketches.json",
             {{"machine", host}, {"command", arguments.command()}, {"cases", page.cases()}, {"setup", setups}});
}
