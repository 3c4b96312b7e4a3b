#pragma once
/// Where real data lie, and how a test says that they do not.

#include <filesystem>
#include <iostream>
#include <string>

#include <boost/test/unit_test.hpp>

namespace raphson::test {

inline std::string data_path(const std::string& name) { return std::string(RAPHSON_TEST_DATA) + "/" + name; }

/// False, with a line that CTest reads, when the file is missing: `if (!has_data("classification/a9a")) return;`
inline bool has_data(const std::string& name) {
  if (std::filesystem::exists(data_path(name))) return true;
  std::cout << "SKIPPED: " << boost::unit_test::framework::current_test_case().p_name.get() << " needs " << data_path(name) << std::endl;
  return false;
}

}  // namespace raphson::test
