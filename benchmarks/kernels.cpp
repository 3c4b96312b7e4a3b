/// Inner loops by themselves: first touch of memory and passes over it on ordinary and on large pages; Gram matrices in three precisions.

#include "benchmarks/support/report.hpp"

#include <raphson/core/large_memory.hpp>
#include <raphson/core/row_gram.hpp>
#include <raphson/core/threads.hpp>
#include <raphson/raphson.hpp>

#include <fmt/format.h>
#include <sys/mman.h>

#include <algorithm>
#include <iostream>

namespace {

using namespace raphson;
using namespace raphson::bench;

/// n × d ones in memory of its own.
class Pages {
 public:
  Pages(Index n, Index d, bool large) : bytes_(n * d * sizeof(double)), data_(map(bytes_)), rows_(data_, d, n, false, true) {
    large ? prefer_large_pages(data_, bytes_) : static_cast<void>(madvise(data_, bytes_, MADV_NOHUGEPAGE));
    const Stopwatch watch;
    rows_.fill(1.0);
    touch_seconds_ = watch.seconds();
  }
  ~Pages() { munmap(data_, bytes_); }
  Pages(const Pages&) = delete;
  Pages& operator=(const Pages&) = delete;

  const arma::mat& rows() const { return rows_; }
  double gigabytes() const { return static_cast<double>(bytes_) / 1e9; }
  double touch_seconds() const { return touch_seconds_; }

 private:
  static double* map(Index bytes) {
    void* data = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (data == MAP_FAILED) throw std::bad_alloc();
    return static_cast<double*>(data);
  }

  Index bytes_;
  double* data_;
  arma::mat rows_;
  double touch_seconds_ = 0;
};

/// GB/s of y = AᵀAx over the pages, median.
double pass_rate(const Pages& pages, int repeats) {
  const auto A = scaled_rows(points_as_columns(pages.rows()));
  const Vec x(A->cols(), arma::fill::ones);
  Vec y;
  return pages.gigabytes() / median(timed(repeats, 60, [&] { A->apply_normal(x, y); }));
}

Json memory(Index n, Index d, int repeats) {
  Json rows = Json::array();
  // Taken in turns, the first round being the machine's own first touch.
  for (int round = 0; round < 3; ++round) {
    for (const bool large : {false, true}) {
      const Pages pages(n, d, large);
      rows.push_back({{"pages", large ? "large" : "ordinary"},
                      {"round", round},
                      {"first_touch_s_per_gb", pages.touch_seconds() / pages.gigabytes()},
                      {"pass_gb_per_s", pass_rate(pages, repeats)}});
    }
  }
  return rows;
}

Json grams(Index n, const std::vector<Index>& widths, int repeats) {
  Json rows = Json::array();
  for (const Index d : widths) {
    const Pages pages(n, d, true);
    const DenseRows<double> A{pages.rows().memptr(), n, d, d};
    const double work = static_cast<double>(n * d * d) / 1e9;
    arma::mat G;
    arma::fmat F;
    const double f64 = work / median(timed(repeats, 60, [&] { row_gram<double, double>(A, G); }));
    const double f32 = work / median(timed(repeats, 60, [&] { row_gram<float, double>(A, F); }));
    const double i8 =
        has_rounded_gram() ? work / median(timed(repeats, 60, [&] { rounded_row_gram(A, F); })) : std::numeric_limits<double>::quiet_NaN();
    rows.push_back({{"n", n}, {"d", d}, {"f64", f64}, {"f32", f32}, {"i8", i8}});
  }
  return rows;
}

std::string page(const Json& result, const std::string& command) {
  std::vector<std::vector<std::string>> pages = {{"pages", "round", "first touch, s/GB", "AᵀAx, GB/s"}};
  for (const Json& row : result["memory"])
    pages.push_back(
        {row["pages"], std::to_string(row["round"].get<int>()), rounded(row["first_touch_s_per_gb"]), rounded(row["pass_gb_per_s"])});
  std::vector<std::vector<std::string>> gram = {{"n × d", "f64", "f32", "i8"}};
  for (const Json& row : result["gram"])
    gram.push_back({fmt::format("{} × {}", row["n"].get<Index>(), row["d"].get<Index>()), rounded(row["f64"]), rounded(row["f32"]),
                    row["i8"].is_number() ? rounded(row["i8"]) : "–"});
  return fmt::format(
      "# Kernels by themselves\n\n{}\n\n    {}\n\n## Pages of memory\n\nFirst touch of new memory by one thread, and passes y = AᵀAx over "
      "it (medians). Round 0 is the first time that the machine itself hands the memory out.\n\n{}\n## Gram matrices\n\nn·d² operations, "
      "10⁹ a second, medians; rounding to eight bits included.\n\n{}",
      machine_text(result["machine"]), command, table(pages), table(gram));
}

}  // namespace

int main(int count, char** words) {
  const Arguments a(count, words, "Inner loops by themselves: memory and Gram matrices.",
                    {{"rows", "100000", "of the data"},
                     {"columns", "500", "of the data that are passed over"},
                     {"largest-d", "2000", "of the Gram matrices, whose other sizes are a quarter of it and a half"},
                     {"repeats", "9", "of each, for medians"},
                     {"threads", "2", ""},
                     {"out", "", "folder for kernels.json and kernels.md; empty: print only"}});
  const int threads = static_cast<int>(a.number("threads")), repeats = static_cast<int>(a.number("repeats"));
  const ThreadScope scope(threads);
  const Index n = static_cast<Index>(a.number("rows")), widest = static_cast<Index>(a.number("largest-d"));
  Json result = {{"machine", machine(threads)}, {"command", a.command()}};
  result["memory"] = memory(n, static_cast<Index>(a.number("columns")), repeats);
  result["gram"] = grams(n, {widest / 4, widest / 2, widest}, repeats);
  const std::string text = page(result, a.command());
  std::cout << text;
  if (a.text("out").empty()) return 0;
  write_json(a.text("out") + "/kernels.json", result);
  write_file(a.text("out") + "/kernels.md", text);
  return 0;
}
