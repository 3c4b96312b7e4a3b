/// Networks of several hidden layers: what a point, a product and a Gram matrix cost, and every strategy's way to 1e-8.
///
/// Writes deep_nets.json and prints two tables of Markdown: a row for each size, and for each size and strategy.

#include <raphson/core/seed.hpp>
#include <raphson/core/threads.hpp>
#include <raphson/models/deep_relu.hpp>
#include <raphson/problems/generators.hpp>
#include <raphson/solvers/first_order.hpp>
#include <raphson/solvers/sketches/sketches.hpp>
#include <raphson/solvers/solvers.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <algorithm>
#include <iostream>
#include <sstream>

#include "benchmarks/support/report.hpp"

using namespace raphson;
using namespace raphson::bench;

namespace {

struct Size {
  Index n, d;
  std::vector<Index> widths;
  std::string text() const { return fmt::format("n = {}, d = {}, widths {}", n, d, fmt::join(widths, ",")); }
};

/// "500:10:512,512;2000:20:256,256"
std::vector<Size> sizes_of(const std::string& text) {
  std::vector<Size> sizes;
  std::istringstream all(text);
  for (std::string one; std::getline(all, one, ';');) {
    Size size{};
    char colon = 0;
    std::istringstream stream(one);
    stream >> size.n >> colon >> size.d >> colon;
    for (std::string width; std::getline(stream, width, ',');) size.widths.push_back(std::stoul(width));
    sizes.push_back(size);
  }
  return sizes;
}

DeepRelu network(const Size& size) {
  Generated data = generate_sphere(size.n, size.d, Seed(1));
  return {data.C, data.y, {.widths = size.widths, .seed = 1}};
}

/// Seconds of the parts that a step is made of.
Json parts(const Size& size, int repeats) {
  const DeepRelu net = network(size);
  const Vec theta = net.initial_weights();
  const auto at = net.linearize(theta);
  const Operator& A = *at->matrix();
  Mat<double> up, down, G;
  Mat<float> single;
  const auto least = [&](const std::function<void()>& task) { return std::ranges::min(timed(repeats, 20, task)); };
  return {{"size", size.text()},
          {"parameters", net.parameters()},
          {"forward", least([&] { net.value(theta); })},
          {"linearize", least([&] { net.linearize(theta); })},
          {"transposed", least([&] { A.apply(at->right_hand_side(), up); })},
          {"direct", least([&] { A.apply_adjoint(up, down); })},
          {"gram", least([&] { A.gram(G); })},
          {"gram_single", least([&] { A.gram_single(single); })},
          {"apply_flops", A.cost().apply.flops},
          {"gram_flops", A.cost().gram.flops}};
}

struct Strategy {
  std::string name;
  std::function<Summary(const DeepRelu&, Vec&, const Options&)> train;
};

template <class Make>
Strategy second_order(const std::string& name, const Make& make) {
  return {name, [make](const DeepRelu& net, Vec& theta, const Options& options) {
            const auto solver = make(net);
            return minimize(net, *solver, theta, options);
          }};
}

std::vector<Strategy> strategies() {
  return {
      second_order("exact", [](const DeepRelu&) { return std::make_unique<Exact>(); }),
      second_order("chord", [](const DeepRelu&) { return std::make_unique<Chord>(); }),
      second_order("CG, kernel of this depth", [](const DeepRelu&) { return std::make_unique<KernelCg>(); }),
      second_order("CG, CountSketch s = 4n",
                   [](const DeepRelu&) { return std::make_unique<PreconditionedCg>(SketchOptions{.kind = count_sketch()}); }),
      second_order("CG, sampled parameters s = 4n",
                   [](const DeepRelu&) { return std::make_unique<PreconditionedCg>(SketchOptions{.kind = uniform_rows_sketch()}); }),
      second_order("CG", [](const DeepRelu&) { return std::make_unique<Cg>(); }),
      second_order("auto", [](const DeepRelu&) { return std::make_unique<Auto>(); }),
      {"L-BFGS", [](const DeepRelu& net, Vec& theta, const Options& options) { return lbfgs(net, theta, options); }},
  };
}

Json train(const Size& size, const Strategy& strategy, double time_limit) {
  const DeepRelu net = network(size);
  Vec theta = net.initial_weights();
  Options options;
  options.time_limit = time_limit;
  options.max_iterations = 100000;
  const Summary summary = strategy.train(net, theta, options);
  return {{"size", size.text()},
          {"strategy", strategy.name},
          {"used", summary.solver_used},
          {"steps", summary.iterations},
          {"inner", summary.inner_iterations},
          {"seconds", summary.seconds},
          {"residual_ratio", summary.residual_ratio},
          {"status", to_string(summary.status)}};
}

std::string milliseconds(const Json& row, const char* key) { return fmt::format("{:.1f}", 1e3 * row[key].get<double>()); }

}  // namespace

int main(int count, char** words) {
  const Arguments arguments(count, words, "Trains networks of several hidden layers by every strategy.",
                            {{"sizes", "500:10:512,512;500:10:128,128,128,128;2000:20:256,256;2000:20:1024,1024", "n:d:widths, …"},
                             {"time-limit", "20", "seconds a training may take"},
                             {"repeats", "3", "of the parts; the least counts"},
                             {"threads", "0", "0: all cores"},
                             {"out", ".", "folder for deep_nets.json"}});
  const ThreadScope threads(static_cast<int>(arguments.number("threads")));
  Json result{{"machine", machine(thread_count())}, {"command", arguments.command()}};
  std::vector<std::vector<std::string>> costs{
      {"net", "weights", "f, ms", "f and J", "Jᵀv", "J u", "GF/s of both", "JJᵀ", "in f32", "GF/s", "JJᵀ in products with JJᵀ"}};
  std::vector<std::vector<std::string>> runs{{"net", "strategy", "steps", "inner", "seconds", "residual ratio", "status"}};
  for (const Size& size : sizes_of(arguments.text("sizes"))) {
    const Json part = parts(size, static_cast<int>(arguments.number("repeats")));
    result["parts"].push_back(part);
    const double pair = part["transposed"].get<double>() + part["direct"].get<double>(), gram = part["gram"].get<double>();
    costs.push_back({size.text(), fmt::format("{}", part["parameters"].get<Index>()), milliseconds(part, "forward"),
                     milliseconds(part, "linearize"), milliseconds(part, "transposed"), milliseconds(part, "direct"),
                     fmt::format("{:.0f}", 2 * part["apply_flops"].get<double>() / pair / 1e9), milliseconds(part, "gram"),
                     milliseconds(part, "gram_single"), fmt::format("{:.0f}", part["gram_flops"].get<double>() / gram / 1e9),
                     fmt::format("{:.1f}", gram / pair)});
    for (const Strategy& strategy : strategies()) {
      const Json row = train(size, strategy, arguments.number("time-limit"));
      result["runs"].push_back(row);
      runs.push_back({size.text(), strategy.name, fmt::format("{}", row["steps"].get<Index>()),
                      fmt::format("{}", row["inner"].get<Index>()), seconds_text(row["seconds"].get<double>()),
                      rounded(row["residual_ratio"].get<double>()), row["status"].get<std::string>()});
      std::cerr << fmt::format("{}: {}, {:.2f} s\n", size.text(), strategy.name, row["seconds"].get<double>());
    }
  }
  std::cout << table(costs) << "\n" << table(runs) << "\n" << machine_text(result["machine"]) << "\n";
  write_json(arguments.text("out") + "/deep_nets.json", result);
  return 0;
}
