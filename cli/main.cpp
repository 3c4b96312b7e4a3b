/// The command `raphson`: exit status 0 converged, 1 not converged, 2 bad input, 3 out of memory, disk or luck.

#include "cli/commands.hpp"

#include <raphson/core/error.hpp>

#include <fmt/format.h>

#include <csignal>
#include <new>

namespace {

int run(int argc, char** argv) {
  using namespace raphson::cli;
  const Command command = parse_command_line(argc, argv);
  switch (command.kind) {
    case Command::Kind::fit:
      return run_fit(command.fit);
    case Command::Kind::path:
      return run_path(command.path);
    case Command::Kind::predict:
      return run_predict(command.predict);
    case Command::Kind::compare:
      return run_compare(command.compare);
    case Command::Kind::solvers:
      fmt::print("{}", solver_overview());
      return 0;
    case Command::Kind::done:
      return command.exit_status;
  }
  return 3;
}

}  // namespace

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);  // `raphson fit … | head` still writes its result
  try {
    return run(argc, argv);
  } catch (const raphson::InputError& error) {
    fmt::print(stderr, "raphson: {}\n", error.what());
    return 2;
  } catch (const std::bad_alloc&) {
    fmt::print(stderr, "raphson: out of memory. Try --solver cg or a smaller --memory-limit.\n");
    return 3;
  } catch (const std::exception& error) {
    fmt::print(stderr, "raphson: {}\n", error.what());
    return 3;
  }
}
