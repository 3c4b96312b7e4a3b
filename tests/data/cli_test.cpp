/// The command line on real data: figures that independent programs agree on.

#include <boost/test/unit_test.hpp>
#include <nlohmann/json.hpp>

#include <cmath>

#include "support/command.hpp"
#include "support/data.hpp"

using namespace raphson::test;
using Json = nlohmann::json;

namespace {

/// Every solver named reaches the optimum to `accuracy` (relative).
void reaches(const std::vector<std::string>& fit, const std::string& solvers, double optimum, double accuracy) {
  const Folder folder;
  const std::string json = folder.path("c.json");
  std::vector<std::string> arguments = {"compare"};
  arguments.insert(arguments.end(), fit.begin(), fit.end());
  arguments.insert(arguments.end(), {"--solvers", solvers, "--json", json});
  const Outcome outcome = run(arguments);
  BOOST_TEST(outcome.status == 0, outcome.out << outcome.err);
  const Json result = Json::parse(content(json));
  for (const Json& one : result["runs"]) {
    BOOST_REQUIRE_MESSAGE(!one.contains("cannot"), one.dump());
    const double objective = one["objective"];
    BOOST_TEST(std::abs(objective - optimum) <= accuracy * std::abs(optimum), one["solver"]["asked"] << ": " << objective);
  }
}

const char* const strategies = "exact,preconditioned-cg,preconditioned-gd,cg,jacobi-cg,sparse-cholesky,auto";

}  // namespace

BOOST_AUTO_TEST_CASE(a9a) {
  if (!has_data("classification/a9a")) return;
  const std::vector<std::string> fit = {"logistic",    "--data", data_path("classification/a9a"), "--l2", "1", "--no-intercept",
                                        "--tolerance", "1e-10"};
  reaches(fit, strategies, 10529.5625846379, 1e-10);
  reaches(fit, "sketch-and-solve", 10529.5625846379, 1e-6);
}

BOOST_AUTO_TEST_CASE(mushrooms) {
  if (!has_data("classification/mushrooms")) return;
  reaches({"logistic", "--data", data_path("classification/mushrooms"), "--l2", "0.001", "--tolerance", "1e-10"}, strategies,
          0.667536220793898, 1e-9);
}

BOOST_AUTO_TEST_CASE(longley_has_its_certified_standard_errors) {
  if (!has_data("counts/longley.csv")) return;
  const Outcome outcome =
      run({"fit", "squared", "--data", data_path("counts/longley.csv"), "--target", "TOTEMP", "--ignore", "Obs", "--solver", "exact"});
  BOOST_TEST(outcome.status == 0, outcome.out << outcome.err);
  // National Institute of Standards and Technology, Longley: parameter, standard deviation.
  const double certified[7][2] = {{15.0618722713733, 84.9149257747669},       {-0.358191792925910e-1, 0.334910077722432e-1},
                                  {-2.02022980381683, 0.488399681651699},     {-1.03322686717359, 0.214274163161675},
                                  {-0.511041056535807e-1, 0.226073200069370}, {1829.15146461355, 455.478499142212},
                                  {-3482258.63459582, 890420.383607373}};
  for (const auto& row : certified) {
    char text[60];
    std::snprintf(text, sizeof text, "%14.7g  %12.5g", row[0], row[1]);
    BOOST_TEST((outcome.out.find(text) != std::string::npos), text << " is not in\n" << outcome.out);
  }
  BOOST_TEST((outcome.out.find("residual standard error 304.854 on 9 degrees of freedom") != std::string::npos));
}

BOOST_AUTO_TEST_CASE(energy) {
  if (!has_data("regression/energy/data.txt")) return;
  const Folder folder;
  const std::string json = folder.path("e.json");
  const Outcome outcome = run({"fit", "relu", "--width", "4096", "--data", data_path("regression/energy/data.txt"), "--json", json});
  BOOST_TEST(outcome.status == 0, outcome.out << outcome.err);
  BOOST_TEST(Json::parse(content(json))["residual_ratio"].get<double>() <= 1e-8);
}
