// Every family of files in ../shared/data, against the sizes that its README states.
#include <raphson/core/error.hpp>
#include <raphson/problems/readers.hpp>
#include <support/data.hpp>

#include <boost/test/unit_test.hpp>

#include <cmath>
#include <map>
#include <string>

using namespace raphson;
using raphson::test::data_path;
using raphson::test::has_data;

namespace {

std::map<double, Index> counts(const Vec& y) {
  std::map<double, Index> count;
  for (const double label : y) ++count[label];
  return count;
}

void check_sizes(const Dataset& data, Index rows, Index columns) {
  BOOST_TEST(data.features.rows() == rows);
  BOOST_TEST(data.features.cols() == columns);
  BOOST_TEST(data.target.n_elem == rows);
}

}  // namespace

BOOST_AUTO_TEST_CASE(classification_libsvm) {
  struct Row {
    const char* name;
    Index rows, columns, nonzeros;
    std::map<double, Index> classes;
  };
  const std::vector<Row> table = {
      {"a1a", 1605, 119, 22249, {{-1, 1210}, {1, 395}}},        {"a9a", 32561, 123, 451592, {{-1, 24720}, {1, 7841}}},
      {"a9a.t", 16281, 122, 225731, {{-1, 12435}, {1, 3846}}},  {"w8a", 49749, 300, 579586, {{-1, 48270}, {1, 1479}}},
      {"mushrooms", 8124, 112, 170604, {{1, 3916}, {2, 4208}}}, {"german_scale.txt", 1000, 24, 23001, {{-1, 700}, {1, 300}}},
  };
  for (const Row& row : table) {
    if (!has_data(std::string("classification/") + row.name)) continue;
    BOOST_TEST_CONTEXT(row.name) {
      const Dataset data = read(data_path(std::string("classification/") + row.name));
      BOOST_TEST((data.format == Format::libsvm));
      check_sizes(data, row.rows, row.columns);
      BOOST_TEST(data.features.nonzeros() == row.nonzeros);
      BOOST_TEST((counts(data.target) == row.classes));
    }
  }
}

BOOST_AUTO_TEST_CASE(test_data_take_the_training_columns) {
  if (!has_data("classification/a9a.t")) return;
  check_sizes(read(data_path("classification/a9a.t"), {.columns = 123}), 16281, 123);
}

BOOST_AUTO_TEST_CASE(classification_delimited) {
  if (has_data("classification/Skin_NonSkin.txt")) {
    const Dataset skin = read(data_path("classification/Skin_NonSkin.txt"));
    BOOST_TEST((skin.format == Format::delimited));
    check_sizes(skin, 244962, 3);
    BOOST_TEST((counts(skin.target) == std::map<double, Index>{{1, 50822}, {2, 194140}}));
    BOOST_TEST(skin.features.at(0, 2) == 129);
  }
  if (has_data("classification/magic04.data")) {
    const Dataset magic = read(data_path("classification/magic04.data"));
    check_sizes(magic, 19020, 10);
    BOOST_TEST((counts(magic.target) == std::map<double, Index>{{0, 12332}, {1, 6688}}));  // g, h
    BOOST_TEST(magic.target_labels == (std::vector<std::string>{"g", "h"}));
  }
  if (has_data("classification/spambase.data")) {
    const Dataset spam = read(data_path("classification/spambase.data"));
    check_sizes(spam, 4601, 57);
    BOOST_TEST((counts(spam.target) == std::map<double, Index>{{0, 2788}, {1, 1813}}));
  }
}

BOOST_AUTO_TEST_CASE(text_bz2) {
  struct Row {
    const char* name;
    Index rows, columns, classes;
  };
  for (const Row& row :
       {Row{"reuters.trn.bz2", 7770, 8315, 2}, Row{"reuters.tst.bz2", 3299, 8315, 2}, Row{"news20.bz2", 15935, 62061, 20}}) {
    if (!has_data(std::string("text/") + row.name)) continue;
    BOOST_TEST_CONTEXT(row.name) {
      const Dataset data = read(data_path(std::string("text/") + row.name));
      BOOST_TEST(data.features.is_sparse());
      check_sizes(data, row.rows, row.columns);
      BOOST_TEST(counts(data.target).size() == row.classes);
    }
  }
}

BOOST_AUTO_TEST_CASE(regression_text) {
  struct Row {
    const char* name;
    Index rows, columns;
    double first_target;
  };
  for (const Row& row :
       {Row{"bostonHousing", 506, 13, 24}, Row{"concrete", 1030, 8, 79.99}, Row{"energy", 768, 8, 15.55},
        Row{"kin8nm", 8192, 8, 0.53652416}, Row{"naval-propulsion-plant", 11934, 16, 0.95}, Row{"power-plant", 9568, 4, 480.48},
        Row{"protein-tertiary-structure", 45730, 9, 17.284}, Row{"wine-quality-red", 1599, 11, 5}, Row{"yacht", 308, 6, 0.11}}) {
    const std::string folder = std::string("regression/") + row.name + "/";
    if (!has_data(folder + "data.txt")) continue;
    BOOST_TEST_CONTEXT(row.name) {
      const std::string target =
          std::to_string(static_cast<long>(read(data_path(folder + "index_target.txt"), {.has_target = false}).features.at(0, 0)));
      // naval-propulsion-plant has a second target, column 17, which index_features.txt leaves out.
      const std::vector<std::string> ignore =
          std::string(row.name) == "naval-propulsion-plant" ? std::vector<std::string>{"17"} : std::vector<std::string>{};
      const Dataset by_number = read(data_path(folder + "data.txt"), {.target = target, .ignore = ignore});
      check_sizes(by_number, row.rows, row.columns);
      BOOST_TEST(by_number.target(0) == row.first_target);
    }
  }
}

BOOST_AUTO_TEST_CASE(regression_compressed) {
  struct Row {
    const char* name;
    Index rows, columns;
  };
  for (const Row& row : {Row{"kin40k", 40000, 8}, Row{"pol", 15000, 26}, Row{"elevators", 16599, 18}, Row{"pumadyn32nm", 8192, 32},
                         Row{"airfoil", 1503, 5}}) {
    const std::string name = std::string("regression/") + row.name + "/data.csv.gz";
    if (!has_data(name)) continue;
    BOOST_TEST_CONTEXT(row.name) { check_sizes(read(data_path(name)), row.rows, row.columns); }
  }
}

BOOST_AUTO_TEST_CASE(california_housing_has_missing_cells_and_text) {
  if (!has_data("regression/california-housing.csv")) return;
  const std::string path = data_path("regression/california-housing.csv");
  const auto says = [](const std::string& part) {
    return [part](const InputError& error) {
      BOOST_TEST_MESSAGE(error.what());
      return std::string(error.what()).find(part) != std::string::npos;
    };
  };
  BOOST_CHECK_EXCEPTION(read(path), InputError, says("the target is text with more than two values"));
  BOOST_CHECK_EXCEPTION(read(path, {.target = "median_house_value"}), InputError,
                        says("housing.csv:2: column 9 (\"ocean_proximity\"), row 0: expected a number, found \"NEAR BAY\""));
  BOOST_CHECK_EXCEPTION(read(path, {.target = "median_house_value", .ignore = {"ocean_proximity"}}), InputError,
                        says("housing.csv:292: column 4 (\"total_bedrooms\"), row 290: missing cell (\"\"); in all 207 cells are missing"));
  check_sizes(read(path, {.target = "median_house_value", .ignore = {"ocean_proximity", "total_bedrooms"}}), 20640, 7);
}

BOOST_AUTO_TEST_CASE(counts_csv) {
  if (has_data("counts/bike-sharing-hour.csv")) {
    const Dataset bikes =
        read(data_path("counts/bike-sharing-hour.csv"), {.target = "cnt", .ignore = {"instant", "dteday", "casual", "registered"}});
    check_sizes(bikes, 17379, 12);
    BOOST_TEST(bikes.feature_names.front() == "season");
    BOOST_TEST(arma::accu(bikes.target) == 3292679);
  }
  if (has_data("counts/ships.csv")) {  // incidents in ship-months of service; five rows have none
    const Dataset ships =
        read(data_path("counts/ships.csv"), {.target = "incidents", .ignore = {"rownames", "type"}, .weights = "service"});
    check_sizes(ships, 40, 2);
    BOOST_TEST(ships.weights(0) == 127);
  }
  if (has_data("counts/stackloss.csv")) check_sizes(read(data_path("counts/stackloss.csv"), {.target = "STACKLOSS"}), 21, 3);
  if (has_data("counts/scotvote.csv")) check_sizes(read(data_path("counts/scotvote.csv"), {.target = "YES", .ignore = {"0"}}), 32, 7);
  if (has_data("counts/freMTPL2sev.csv")) {
    check_sizes(read(data_path("counts/freMTPL2sev.csv")), 26444, 1);
  }
}

BOOST_AUTO_TEST_CASE(nist_linear) {
  if (!has_data("nist/nist_lls/Longley.csv")) return;
  const Dataset longley = read(data_path("nist/nist_lls/Longley.csv"), {.target = "y"});
  check_sizes(longley, 16, 6);
  check_sizes(read(data_path("nist/nist_lls/Filip.csv"), {.target = "y"}), 82, 1);
}

BOOST_AUTO_TEST_CASE(matrix_market_files) {
  struct Row {
    const char* name;
    Index rows, columns, nonzeros;
  };
  for (const Row& row : {Row{"illc1033", 1033, 320, 4719}, Row{"well1033", 1033, 320, 4732}, Row{"illc1850", 1850, 712, 8636},
                         Row{"well1850", 1850, 712, 8755}, Row{"ash219", 219, 85, 438}, Row{"bcspwr06", 1454, 1454, 5300},
                         Row{"bcspwr10", 5300, 5300, 21842}, Row{"494_bus", 494, 494, 1666}}) {
    const std::string name = std::string("sparse-least-squares/") + row.name + ".mtx";
    if (!has_data(name)) continue;
    BOOST_TEST_CONTEXT(row.name) {
      const DataMatrix A = read_matrix_market(data_path(name));
      BOOST_TEST(A.is_sparse());
      BOOST_TEST(A.rows() == row.rows);
      BOOST_TEST(A.cols() == row.columns);
      BOOST_TEST(A.nonzeros() == row.nonzeros);
    }
  }
  if (!has_data("sparse-least-squares/well1850_rhs1.mtx")) return;
  const DataMatrix b = read_matrix_market(data_path("sparse-least-squares/well1850_rhs1.mtx"));
  BOOST_TEST(b.rows() == 1850u);
  BOOST_TEST(b.cols() == 1u);
}
