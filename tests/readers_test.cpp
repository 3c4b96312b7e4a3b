#include <raphson/core/error.hpp>
#include <raphson/problems/readers.hpp>
#include <support/temporary_file.hpp>

#include <boost/test/unit_test.hpp>

#include <string>

using namespace raphson;
using raphson::test::TemporaryFile;

namespace {

Dataset read_text(const std::string& name, const std::string& content, const ReadOptions& options = {}) {
  const TemporaryFile file(name, content);
  return read(file.path(), options);
}

// What the reader says, with the directory of the file taken off; "" when it says nothing.
std::string complaint(const std::string& name, const std::string& content, const ReadOptions& options = {}) {
  const TemporaryFile file(name, content);
  try {
    read(file.path(), options);
  } catch (const InputError& error) {
    std::string text = error.what();
    const std::size_t at = text.find(file.path());
    if (at == 0) text.erase(0, file.path().size() - name.size());
    return text;
  }
  return {};
}

void check_table(const Dataset& data, const arma::mat& X, const Vec& y) {
  BOOST_REQUIRE_EQUAL(data.features.rows(), X.n_rows);
  BOOST_REQUIRE_EQUAL(data.features.cols(), X.n_cols);
  for (Index i = 0; i < X.n_rows; ++i)
    for (Index j = 0; j < X.n_cols; ++j) BOOST_TEST(data.features.at(i, j) == X(i, j));
  BOOST_REQUIRE_EQUAL(data.target.n_elem, y.n_elem);
  for (Index i = 0; i < y.n_elem; ++i) BOOST_TEST(data.target(i) == y(i));
}

bool holds(const std::vector<std::string>& notes, const std::string& part) {
  for (const std::string& note : notes)
    if (note.find(part) != std::string::npos) return true;
  return false;
}

std::string bytes(std::string_view hex) {
  std::string out;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2) out += static_cast<char>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16));
  return out;
}

// "a,b,y\n1,2,3\n4,5,6\n"
const std::string gz = bytes("1f8b08000000000000034bd449d2a9e432d431d231e632d131d531e3020031f9c47912000000");
const std::string bz2 =
    bytes("425a6839314159265359ed861bec000007d980001000043f0030000020200021a68034201a69a156d5e6f2e409048f177245385090ed861bec");
const arma::mat small = {{1, 2}, {4, 5}};
const Vec small_target = {3, 6};

}  // namespace

BOOST_AUTO_TEST_SUITE(delimited)

BOOST_AUTO_TEST_CASE(every_delimiter_is_detected) {
  for (const std::string delimiter : {",", ";", "\t", "|", " ", "  ", " \t ", " , "}) {
    BOOST_TEST_CONTEXT("delimiter \"" << delimiter << '"') {
      const auto join = [&](std::string a, std::string b, std::string c) { return a + delimiter + b + delimiter + c + "\n"; };
      check_table(read_text("t.txt", join("1", "2", "3") + join("4", "5", "6")), small, small_target);
      const Dataset named = read_text("t.txt", join("a", "b", "y") + join("1", "2", "3") + join("4", "5", "6"));
      check_table(named, small, small_target);
      BOOST_TEST(named.feature_names == (std::vector<std::string>{"a", "b"}));
      BOOST_TEST(named.target_name == "y");
      BOOST_TEST(holds(named.notes, "header detected"));
    }
  }
}

BOOST_AUTO_TEST_CASE(quotes_blanks_comments_line_ends_and_marks) {
  check_table(
      read_text("t.csv", "\xEF\xBB\xBF# a remark\r\n\r\n\"a\" , b,\"the \"\"y\"\"\"\r\n 1 ,\"2\", 3 \r\n\r\n  # another\r\n+4,5e0,6.0\r\n"),
      small, small_target);
  BOOST_TEST(read_text("t.csv", "a,\"the \"\"y\"\"\"\n1,2\n").target_name == "the \"y\"");
  check_table(read_text("t.csv", "a;b;y\n1;2;3;\n4;5;6;\n"), small, small_target);  // each row ends in a delimiter
  check_table(read_text("t.csv", "1\t2\t3\t\n4\t5\t6\t\n"), small, small_target);
  const Dataset open_end = read_text("t.csv", "1,2,3\n4,5,6");
  check_table(open_end, small, small_target);
  BOOST_TEST(holds(open_end.notes, "last line has no end"));
  BOOST_TEST(!holds(read_text("t.csv", "1,2,3\n4,5,6\n").notes, "last line"));
}

BOOST_AUTO_TEST_CASE(long_lines_cross_blocks) {
  // 300000 cells of 7 characters: more than one block of the stream, and rows that end in different blocks.
  std::string text;
  for (int row = 0; row < 3; ++row)
    for (int j = 0; j < 300000; ++j) text += std::to_string(100000 + j * 2 + row) + (j + 1 < 300000 ? "," : "\n");
  const Dataset data = read_text("wide.csv", text);
  BOOST_REQUIRE_EQUAL(data.features.rows(), 3);
  BOOST_REQUIRE_EQUAL(data.features.cols(), 299999);
  for (Index row = 0; row < 3; ++row)
    for (Index j = 0; j < 299999; ++j)
      if (data.features.at(row, j) != static_cast<double>(100000 + j * 2 + row)) BOOST_REQUIRE(false);
}

BOOST_AUTO_TEST_CASE(header_is_told_from_data) {
  BOOST_TEST(read_text("t.csv", "x,2010,y\n1,2,3\n", {.header = true}).feature_names[1] == "2010");
  BOOST_TEST(read_text("t.csv", "x,2010,total\n1,2,3\n").feature_names[1] == "2010");
  BOOST_TEST(read_text("t.csv", "1,2,3\n4,5,6\n", {.header = true}).target_name == "3");
  // One bad cell among numbers is no header.
  BOOST_TEST(complaint("t.csv", "1,12a,3\n4,5,6\n") ==
             "t.csv:1: column 1, row 0: expected a number, found \"12a\". Leave the column out with ignore (--ignore 1), or encode it as "
             "numbers. If this line holds the names of the columns, set header to true.");
}

BOOST_AUTO_TEST_CASE(columns_by_name_and_number) {
  const std::string text = "id,a,w,o,y,b\n7,1,2,3,4,5\n8,10,20,30,40,50\n";
  for (const ReadOptions& options : {ReadOptions{.target = "y", .ignore = {"id"}, .weights = "w", .offset = "o"},
                                     ReadOptions{.target = "4", .ignore = {"0"}, .weights = "2", .offset = "3"},
                                     ReadOptions{.target = "-2", .ignore = {"-6"}, .weights = "-4", .offset = "-3"}}) {
    const Dataset data = read_text("t.csv", text, options);
    check_table(data, {{1, 5}, {10, 50}}, {4, 40});
    BOOST_TEST(data.weights(1) == 20);
    BOOST_TEST(data.offset(0) == 3);
    BOOST_TEST(data.feature_names == (std::vector<std::string>{"a", "b"}));
  }
  // The last column is the target unless it is used otherwise; a name that looks like a number is a name.
  BOOST_TEST(read_text("t.csv", text, {.ignore = {"b"}}).target_name == "y");
  BOOST_TEST(read_text("t.csv", "a,0,b\n1,2,3\n", {.target = "0"}).target(0) == 2);
  BOOST_TEST(holds(read_text("t.csv", "1,2,3\n").notes, "target: the last column"));
  BOOST_TEST(read_text("t.csv", "1,2,3\n", {.target = "2"}).notes.empty());
}

BOOST_AUTO_TEST_CASE(several_targets) {
  const std::string text = "a,y,b,z\n1,2,3,4\n10,20,30,40\n";
  for (const std::string target : {"z,y", "z, y", "3,1", "-1,y"}) {
    const Dataset data = read_text("t.csv", text, {.target = target});
    BOOST_TEST(arma::approx_equal(data.target, arma::mat{{4, 2}, {40, 20}}, "absdiff", 0.0));
    BOOST_TEST(data.features.cols() == 2u);
    BOOST_TEST(data.features.at(1, 1) == 30);
    BOOST_TEST(data.target_name == "z,y");
  }
  // In prediction the targets are all there, or there is none; what is there is no feature.
  BOOST_TEST(read_text("t.csv", text, {.target = "y,z", .has_target = false}).target.n_cols == 2u);
  const Dataset part = read_text("t.csv", "a,y,b\n1,2,3\n", {.target = "y,z", .has_target = false});
  BOOST_TEST(part.target.is_empty());
  BOOST_TEST(part.features.cols() == 2u);
  // A name with a comma is one name.
  const Dataset whole = read_text("t.csv", "a,\"y,b\",y,b\n1,2,3,4\n", {.target = "y,b"});
  BOOST_TEST(whole.target.n_cols == 1u);
  BOOST_TEST(whole.target(0) == 2);
  const TemporaryFile matrix("m.mtx", "%%MatrixMarket matrix coordinate real general\n2 4 5\n1 1 5\n1 2 6\n2 3 7\n2 4 8\n1 4 9\n");
  const Dataset sparse = read(matrix.path(), {.target = "3,1"});
  BOOST_TEST(arma::approx_equal(sparse.target, arma::mat{{9, 6}, {8, 0}}, "absdiff", 0.0));
  BOOST_TEST(sparse.features.at(1, 1) == 7);

  BOOST_TEST(complaint("t.csv", text, {.target = "y,y"}) == "t.csv: column 1 (\"y\") is asked for twice, as a target.");
  BOOST_TEST(complaint("t.csv", text, {.target = "y,1"}) == "t.csv: column 1 (\"y\") is asked for twice, as a target.");
  BOOST_TEST(complaint("t.csv", text, {.target = "y,q"}).starts_with("t.csv: there is no column \"q\";"));
  BOOST_TEST(complaint("t.csv", text, {.target = "y,"}).starts_with("t.csv: there is no column \"\";"));
  BOOST_TEST(complaint("t.csv", text, {.target = "a,b,y,z"}).ends_with("of which 0 ignored and 4 are targets."));
  BOOST_TEST(complaint("t.csv", "a,y,z\n1,yes,2\n2,no,3\n", {.target = "y,z"}).find("expected a number, found \"yes\"") !=
             std::string::npos);
}

BOOST_AUTO_TEST_CASE(prediction_needs_no_target) {
  const Dataset all = read_text("t.csv", "a,b\n1,2\n4,5\n", {.has_target = false});
  check_table(all, small, {});
  check_table(read_text("t.csv", "a,b\n1,2\n4,5\n", {.target = "y", .has_target = false}), small, {});
  check_table(read_text("t.csv", "a,y,b\n1,3,2\n4,6,5\n", {.target = "y", .has_target = false}), small, small_target);
}

BOOST_AUTO_TEST_CASE(columns_that_do_not_exist) {
  BOOST_TEST(complaint("t.csv", "a,b,y\n1,2,3\n", {.target = "price"}) ==
             "t.csv: there is no column \"price\"; the columns are 0 \"a\", 1 \"b\", 2 \"y\".");
  BOOST_TEST(complaint("t.csv", "1,2,3\n", {.target = "3"}) ==
             "t.csv: there is no column \"3\"; the columns have no names and are numbered 0 to 2.");
  BOOST_TEST(complaint("t.csv", "1,2,3\n", {.ignore = {"-4"}}).find("no column \"-4\"") != std::string::npos);
  std::string many = "c0";
  for (int j = 1; j < 20; ++j) many += ",c" + std::to_string(j);
  BOOST_TEST(complaint("t.csv", many + "\n" + many + "\n", {.target = "d"}).find("11 \"c11\", ... (20 in all).") != std::string::npos);
  BOOST_TEST(complaint("t.csv", "a,a,y\n1,2,3\n", {.target = "a"}).find("several columns are named \"a\"") != std::string::npos);
  BOOST_TEST(complaint("t.csv", "a,b,y\n1,2,3\n", {.target = "y", .weights = "y"}) ==
             "t.csv: column 2 (\"y\") is asked for twice, as the weights and as the target.");
  BOOST_TEST(complaint("t.csv", "y\n1\n2\n").find("no column is left as a feature") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(missing_cells_are_counted_and_placed) {
  for (const std::string cell : {"", "NA", "nan", "NaN", "?", "null", "\"\"", "N/A", "None"}) {
    const std::string text = complaint("t.csv", "a,b,y\n1,2,3\n\n4," + cell + ",6\n7,8,9\n");
    BOOST_TEST_CONTEXT(cell << ": " << text) {
      BOOST_TEST(text.find("t.csv:4: column 1 (\"b\"), row 1: missing cell (\"") == 0);
      BOOST_TEST(text.find("1 cell is missing. Remove or fill those rows, or leave the column out with ignore (--ignore b).") !=
                 std::string::npos);
    }
  }
  BOOST_TEST(complaint("t.csv", "a,b,y\n1,,3\n,,6\n").find("3 cells are missing: 1 in column 0 (\"a\"), 2 in column 1 (\"b\").") !=
             std::string::npos);
  check_table(read_text("t.csv", "a,x,b,y\n1,,2,3\n4,?,5,6\n", {.ignore = {"x"}}), small, small_target);
}

BOOST_AUTO_TEST_CASE(cells_that_are_no_finite_numbers) {
  BOOST_TEST(complaint("t.csv", "a,sex,y\n1,female,3\n4,male,6\n") ==
             "t.csv:2: column 1 (\"sex\"), row 0: expected a number, found \"female\". Leave the column out with ignore (--ignore sex), or "
             "encode it as numbers.");
  BOOST_TEST(complaint("t.csv", "a,b,y\n1,2,3\n4,inf,6\n") ==
             "t.csv:3: column 1 (\"b\"), row 1 is not finite (\"inf\"). Remove or impute that row.");
  BOOST_TEST(complaint("t.csv", "a,b,y\n1,2,3\n4,-1e999,6\n").find("is not finite (\"-1e999\")") != std::string::npos);
  BOOST_TEST(complaint("t.csv", "a;b\n1,5;2\n").find("write decimal points") != std::string::npos);
  BOOST_TEST(complaint("t.csv", "a,b,y\n1,2,3\n4,5,x\n").find("It is used as the target: name another column") != std::string::npos);
  BOOST_TEST(complaint("t.csv", "a,b,y\n1,+-2,3\n").find("expected a number, found \"+-2\"") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(ragged_rows_and_open_quotes) {
  BOOST_TEST(complaint("t.csv", "a,b,y\n1,2,3\n4,5\n7,8,9\n") == "t.csv:3: 2 cells, expected 3 as in the first line.");
  BOOST_TEST(complaint("t.csv", "a,b,y\n1,2,3\n4,5,6,7\n") == "t.csv:3: 4 cells, expected 3 as in the first line.");
  BOOST_TEST(
      complaint("t.csv", "a,b,y\n1,2,3\n4,5").find("t.csv:3: 2 cells, expected 3 as in the first line; the file ends in the middle") == 0);
  BOOST_TEST(complaint("t.csv", "a,b,y\n1,\"2,3\n4,5,6\n") == "t.csv:2: a quoted cell is not closed on its line.");
  BOOST_TEST(complaint("t.csv", "a,b,y\n1,\"2\"x,3\n") == "t.csv:2: expected a delimiter after a quoted cell.");
}

BOOST_AUTO_TEST_CASE(text_targets_are_two_classes) {
  const Dataset data = read_text("t.csv", "1,2,h\n4,5,g\n");
  check_table(data, small, {1, 0});
  BOOST_TEST(data.target_labels == (std::vector<std::string>{"g", "h"}));
  BOOST_TEST(holds(data.notes, "\"g\" = 0, \"h\" = 1"));
  check_table(read_text("t.csv", "1,2,h\n4,5,h\n", {.target_labels = {"g", "h"}}), small, {1, 1});
  BOOST_TEST(
      complaint("t.csv", "1,2,h\n4,5,k\n", {.target_labels = {"g", "h"}}).find("found \"k\", expected one of the classes \"g\", \"h\"") !=
      std::string::npos);
  BOOST_TEST(
      complaint("t.csv", "a,y\n1,x\n2,y\n3,z\n") ==
      "t.csv:4: column 1 (\"y\"), row 2: the target is text with more than two values (\"x\", \"y\", \"z\"). Name another target (unless "
      "one is named it is the last column), or encode it as numbers.");
}

BOOST_AUTO_TEST_CASE(empty_files_and_missing_ones) {
  BOOST_TEST(complaint("t.csv", "") == "t.csv: is empty: no observations.");
  BOOST_TEST(complaint("t.csv", "\n# only a remark\n\n") == "t.csv: is empty: no observations.");
  BOOST_TEST(complaint("t.csv", "a,b,y\n") == "t.csv: holds a header and no observations.");
  BOOST_CHECK_EXCEPTION(read("/nowhere/t.csv"), InputError, [](const InputError& error) {
    return std::string(error.what()) == "/nowhere/t.csv: cannot be opened: No such file or directory.";
  });
  BOOST_CHECK_EXCEPTION(read("/"), InputError,
                        [](const InputError& error) { return std::string(error.what()).find("is a directory") != std::string::npos; });
  BOOST_TEST(complaint("t.csv", std::string("1,2\n\0\0\0", 7)).find("holds zero bytes") != std::string::npos);
  BOOST_TEST(complaint("t.csv", std::string("\xFF\xFE"
                                            "1\0,\0",
                                            6))
                 .find("UTF-16") != std::string::npos);
  BOOST_TEST(complaint("t.csv", "1,2\n", {.delimiter = 'e'}).find("cannot delimit") != std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(compressed)

BOOST_AUTO_TEST_CASE(content_not_name_tells_compression) {
  for (const std::string name : {"t.csv", "t.csv.gz", "t.csv.bz2", "t.data"}) {
    check_table(read_text(name, gz), small, small_target);
    check_table(read_text(name, bz2), small, small_target);
    check_table(read_text(name, "a,b,y\n1,2,3\n4,5,6\n"), small, small_target);
  }
}

BOOST_AUTO_TEST_CASE(members_one_after_the_other_are_one_file) {
  for (const std::string& file : {gz, bz2}) {
    const std::string text = complaint("t.csv", file + file);  // the second header is text in row 2
    BOOST_TEST(text.find("t.csv:4: column 0 (\"a\"), row 2: expected a number, found \"a\"") == 0, text);
  }
}

BOOST_AUTO_TEST_CASE(damage_is_reported) {
  for (const std::string& file : {gz, bz2})
    for (const std::size_t kept : {file.size() - 1, file.size() - 6, file.size() / 2}) {
      const std::string text = complaint("t.csv", file.substr(0, kept));
      BOOST_TEST(text.find("t.csv: damaged or cut short after line ") == 0, kept << " of " << file.size() << ": " << text);
    }
  std::string flipped = gz;
  flipped[flipped.size() - 7] ^= 1;  // in the checksum
  BOOST_TEST(complaint("t.csv", flipped).find("damaged") != std::string::npos);
  BOOST_TEST(complaint("t.zip", "PK\x03\x04rest").find("unpack it first") != std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(libsvm)

BOOST_AUTO_TEST_CASE(rows_labels_comments) {
  const Dataset data = read_text("train", "+1 1:0.5 3:2 # remark\n\n# all remark\n-1\n2.5 qid:7 2:-1e-3\t3:+4 \n");
  BOOST_TEST(data.features.is_sparse());
  check_table(data, {{0.5, 0, 2}, {0, 0, 0}, {0, -1e-3, 4}}, {1, -1, 2.5});
  BOOST_TEST((data.format == Format::libsvm));
  BOOST_TEST(data.features.nonzeros() == 4u);
  BOOST_TEST(data.notes.empty());
}

BOOST_AUTO_TEST_CASE(order_of_indices_is_free) { check_table(read_text("t.svm", "1 3:3 1:1 2:2\n"), {{1, 2, 3}}, {1}); }

BOOST_AUTO_TEST_CASE(indices_may_count_from_zero) {
  const Dataset data = read_text("t.svm", "1 1:5\n0 0:1 2:3\n");
  check_table(data, {{0, 5, 0}, {1, 0, 3}}, {1, 0});
  BOOST_TEST(data.index_base == 0u);
  BOOST_TEST(holds(data.notes, "indices count from 0"));
  check_table(read_text("t.svm", "1 1:5\n", {.columns = 3, .index_base = 0}), {{0, 5, 0}}, {1});
  BOOST_TEST(complaint("t.svm", "1 0:5\n", {.index_base = 1}) == "t.svm:1: found index 0 (\"0:5\"), but indices count from 1 here.");
}

BOOST_AUTO_TEST_CASE(a_large_index_costs_nothing) {
  const Dataset data = read_text("t.svm", "1 1000000:1\n-1 5:2\n1 7:3 4294967295:1\n");
  BOOST_TEST(data.features.cols() == 4294967295u);
  BOOST_TEST(data.features.rows() == 3u);
  BOOST_TEST(data.features.bytes() < 1000);
  BOOST_TEST(data.features.at(0, 999999) == 1);
  BOOST_TEST(complaint("t.svm", "1 99999999999:1\n") == "t.svm:1: index 99999999999 is above the largest supported, 4294967296.");
  BOOST_TEST(read_text("t.svm", "1 2:1\n", {.columns = 9}).features.cols() == 9u);
}

BOOST_AUTO_TEST_CASE(explicit_zeros_count_as_columns_only) {
  const Dataset data = read_text("t.svm", "1 1:0 4:0\n-1 2:1\n");
  BOOST_TEST(data.features.cols() == 4u);
  BOOST_TEST(data.features.nonzeros() == 1u);
}

BOOST_AUTO_TEST_CASE(malformed) {
  const auto second = [](const std::string& line) { return complaint("train.svm", "1 1:1\n" + line + "\n1 2:1\n"); };
  BOOST_TEST(second("1 3;0.5") == "train.svm:2: expected index:value, found \"3;0.5\".");
  BOOST_TEST(second("1 3:") == "train.svm:2: expected index:value, found \"3:\".");
  BOOST_TEST(second("1 :3") == "train.svm:2: expected index:value, found \":3\".");
  BOOST_TEST(second("1 -3:1") == "train.svm:2: expected index:value, found \"-3:1\".");
  BOOST_TEST(second("1 3:1x") == "train.svm:2: expected index:value, found \"3:1x\".");
  BOOST_TEST(second("1 3 :1") == "train.svm:2: expected index:value, found \"3\".");
  BOOST_TEST(second("1 7:1 7:2") == "train.svm:2: index 7 appears twice.");
  BOOST_TEST(second("1 7:1 3:1 7:2") == "train.svm:2: index 7 appears twice.");
  BOOST_TEST(second("1 7:nan").find("train.svm:2: index 7 is not finite (\"7:nan\").") == 0);
  BOOST_TEST(second("spam 7:1") == "train.svm:2: expected a label, a number, found \"spam\".");
  BOOST_TEST(second("inf 7:1").find("label is not finite") != std::string::npos);
  BOOST_TEST(second("1,2 7:1").find("several targets a row") != std::string::npos);
  BOOST_TEST(second("7:1").find("expected a label, found \"7:1\"") != std::string::npos);
  BOOST_TEST(complaint("train.svm", "1 1:1\n1 2:3 4:") == "train.svm:2: expected index:value, found \"4:\".");
  BOOST_TEST(complaint("train.svm", "1\n-1\n").find("no features") != std::string::npos);
  BOOST_TEST(complaint("train.svm", "1 1:1\n", {.target = "3"}).find("`target` names a column") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(prediction_without_labels) {
  check_table(read_text("t.svm", "1:1\n2:3\n", {.has_target = false}), {{1, 0}, {0, 3}}, {});
  check_table(read_text("t.svm", "5 1:1\n6 2:3\n", {.has_target = false}), {{1, 0}, {0, 3}}, {5, 6});
  BOOST_TEST(complaint("t.svm", "1:1\n5 2:3\n", {.has_target = false}).find("t.svm:2: this row has a label") == 0);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(matrix_market)

BOOST_AUTO_TEST_CASE(coordinates) {
  const std::string text = "%%MatrixMarket matrix coordinate real general\n% remark\n3 4 5\n3 2 -1.5\n1 4 2\n1 1 1\n2 3 7e0\n3 1 9\n";
  const TemporaryFile file("A.mtx", text);
  const DataMatrix A = read_matrix_market(file.path());
  const arma::mat expected = {{1, 0, 0, 2}, {0, 0, 7, 0}, {9, -1.5, 0, 0}};
  BOOST_REQUIRE(A.is_sparse());
  BOOST_TEST(arma::approx_equal(arma::mat(A.sparse()).t(), expected, "absdiff", 0));
  check_table(read(file.path()), expected.cols(0, 2), expected.col(3));  // the last column is the target
  const Dataset picked = read(file.path(), {.target = "0", .ignore = {"2"}, .weights = "-1"});
  check_table(picked, expected.col(1), expected.col(0));
  BOOST_TEST(picked.weights(0) == 2);
  check_table(read(file.path(), {.has_target = false}), expected, {});
}

BOOST_AUTO_TEST_CASE(symmetries_and_patterns) {
  const auto matrix = [](const std::string& text) {
    const TemporaryFile file("A.mtx", text);
    const DataMatrix A = read_matrix_market(file.path());
    return arma::mat(A.is_sparse() ? arma::mat(A.sparse()).t() : arma::mat(A.dense().t()));
  };
  const auto equal = [](const arma::mat& A, const arma::mat& B) { return arma::approx_equal(A, B, "absdiff", 0); };
  BOOST_TEST(equal(matrix("%%MatrixMarket matrix coordinate pattern symmetric\n2 2 2\n1 1\n2 1\n"), {{1, 1}, {1, 0}}));
  BOOST_TEST(equal(matrix("%%MatrixMarket matrix coordinate integer skew-symmetric\n2 2 1\n2 1 3\n"), {{0, -3}, {3, 0}}));
  BOOST_TEST(equal(matrix("%%matrixmarket MATRIX Array real General\n2 3\n1\n2\n3\n4\n5\n6\n"), {{1, 3, 5}, {2, 4, 6}}));
  BOOST_TEST(equal(matrix("%%MatrixMarket matrix array real symmetric\n2 2\n1\n2\n3\n"), {{1, 2}, {2, 3}}));
  BOOST_TEST(equal(matrix("%%MatrixMarket matrix array real skew-symmetric\n2 2\n5\n"), {{0, -5}, {5, 0}}));
}

BOOST_AUTO_TEST_CASE(dense_matrix_as_data) {
  const std::string text = "%%MatrixMarket matrix array real general\n2 3\n1\n4\n2\n5\n3\n6\n";
  check_table(read_text("t.txt", text), small, small_target);
}

BOOST_AUTO_TEST_CASE(malformed) {
  const std::string banner = "%%MatrixMarket matrix coordinate real general\n";
  BOOST_TEST(complaint("A.mtx", banner + "2 2 2\n1 1 1\n") == "A.mtx:3: the file ends after 1 of 2 entries.");
  BOOST_TEST(complaint("A.mtx", banner + "2 2 1\n1 1 1\n2 2 2\n") == "A.mtx:4: more entries than the 1 promised.");
  BOOST_TEST(complaint("A.mtx", banner + "2 2 1\n3 1 1\n") ==
             "A.mtx:3: row 3, column 1 is outside the 2 x 2 matrix (rows and columns count from 1).");
  BOOST_TEST(complaint("A.mtx", banner + "2 2 1\n0 1 1\n").find("A.mtx:3: row 0, column 1 is outside") == 0);
  BOOST_TEST(complaint("A.mtx", banner + "2 2 1\n1 1\n") == "A.mtx:3: expected a number, found \"1 1\".");
  BOOST_TEST(complaint("A.mtx", banner + "2 2 1\n1 1 2 3\n") == "A.mtx:3: expected the end of the line, found \"3\".");
  BOOST_TEST(complaint("A.mtx", banner + "2 2 1\n1 1 nan\n") == "A.mtx:3: the entry is not finite (\"nan\").");
  BOOST_TEST(complaint("A.mtx", banner + "2 2 1\none 1 1\n") == "A.mtx:3: expected row column value, found \"one 1 1\".");
  BOOST_TEST(complaint("A.mtx", banner + "2 2 3\n1 1 1\n2 1 1\n1 1 5\n") == "A.mtx: the entry of row 1, column 1 (from 1) appears twice.");
  BOOST_TEST(complaint("A.mtx", banner + "2 2\n1 1 1\n") == "A.mtx:2: expected rows columns entries, found \"2 2\".");
  BOOST_TEST(complaint("A.mtx", banner) == "A.mtx: ends before the line of sizes.");
  BOOST_TEST(complaint("A.mtx", banner + "0 2 0\n") == "A.mtx:2: the matrix is 0 x 2: no observations.");
  BOOST_TEST(complaint("A.mtx", "1,2,3\n").find("A.mtx:1: expected the banner %%MatrixMarket, found \"1,2,3\".") == 0);
  BOOST_TEST(complaint("A.mtx", "%%MatrixMarket matrix coordinate complex general\n1 1 0\n").find("found \"complex\"") !=
             std::string::npos);
  BOOST_TEST(complaint("A.mtx", "%%MatrixMarket matrix array real general\n2 2\n1\n2\n3\n") ==
             "A.mtx:5: the file ends after 3 of 4 entries.");
  BOOST_TEST(complaint("A.mtx", "%%MatrixMarket matrix coordinate real symmetric\n2 3 0\n").find("is square, not 2 x 3") !=
             std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()
