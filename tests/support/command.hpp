#pragma once
/// Runs the command line as a user does: arguments in, exit status and two streams out.

#include <boost/test/unit_test.hpp>

#include <fcntl.h>
#include <pty.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace raphson::test {

/// A directory of one's own, removed with everything in it.
class Folder {
 public:
  Folder() {
    std::string name = (std::filesystem::temp_directory_path() / "raphson-cli-XXXXXX").string();
    if (!mkdtemp(name.data())) throw std::runtime_error("no temporary directory");
    path_ = name;
  }
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  std::string path(const std::string& name) const { return path_ + "/" + name; }
  std::string write(const std::string& name, const std::string& text) const {
    std::ofstream(path(name), std::ios::binary) << text;
    return path(name);
  }
  std::vector<std::string> files() const {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(path_)) names.push_back(entry.path().filename());
    return names;
  }

 private:
  std::string path_;
};

inline std::string content(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

struct Outcome {
  int status = -1;  ///< exit status; 128 + signal when it was killed
  std::string out, err;
};

/// One run of RAPHSON_CLI, its streams going to files.
class Command {
 public:
  /// `environment` entries ("PATH=/nowhere") come before those inherited.
  explicit Command(std::vector<std::string> arguments, std::vector<std::string> environment = {}) {
    arguments.insert(arguments.begin(), RAPHSON_CLI);
    std::vector<char*> argv = pointers(arguments);
    std::vector<char*> envp = pointers(environment);
    envp.pop_back();
    for (char** e = environ; *e; ++e) {
      const std::string name = std::string(*e).substr(0, std::string(*e).find('=') + 1);
      bool replaced = false;
      for (const std::string& mine : environment) replaced = replaced || mine.starts_with(name);
      if (!replaced) envp.push_back(*e);
    }
    envp.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, out().c_str(), O_WRONLY | O_CREAT, 0600);
    posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, err().c_str(), O_WRONLY | O_CREAT, 0600);
    const int error = posix_spawn(&process_, argv[0], &actions, nullptr, argv.data(), envp.data());
    posix_spawn_file_actions_destroy(&actions);
    if (error != 0) throw std::runtime_error("cannot start " RAPHSON_CLI);
  }

  /// Waits until the output so far holds `text`, or the process has ended.
  void wait_for(const std::string& text) const {
    siginfo_t info = {};
    while (content(out()).find(text) == std::string::npos &&
           waitid(P_PID, static_cast<id_t>(process_), &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == 0)
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  void signal(int number) const { kill(process_, number); }

  Outcome wait() {
    int status = 0;
    waitpid(process_, &status, 0);
    return {WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status), content(out()), content(err())};
  }

 private:
  static std::vector<char*> pointers(std::vector<std::string>& texts) {
    std::vector<char*> list;
    for (std::string& text : texts) list.push_back(text.data());
    list.push_back(nullptr);
    return list;
  }
  std::string out() const { return folder_.path("out"); }
  std::string err() const { return folder_.path("err"); }

  Folder folder_;
  pid_t process_ = 0;
};

inline Outcome run(std::vector<std::string> arguments, std::vector<std::string> environment = {}) {
  return Command(std::move(arguments), std::move(environment)).wait();
}

inline bool holds(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

#define CHECK_HOLDS(text, part) BOOST_TEST(::raphson::test::holds(text, part), "expected \"" << (part) << "\" in:\n" << (text))

/// Bad input: status 2, the text on standard error.
inline void refuses(const std::vector<std::string>& arguments, const std::string& text) {
  const Outcome outcome = run(arguments);
  BOOST_TEST(outcome.status == 2, "status " << outcome.status << " of a run that should say \"" << text << "\"");
  CHECK_HOLDS(outcome.err, text);
}

/// What a terminal sees of a run, to its end.
inline std::string seen_on_a_terminal(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), RAPHSON_CLI);
  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  int terminal = -1;
  const pid_t child = forkpty(&terminal, nullptr, nullptr, nullptr);
  if (child == 0) {
    setenv("TERM", "xterm", 1);
    execv(argv[0], argv.data());
    _exit(127);
  }
  std::string seen;
  char buffer[4096];
  for (ssize_t count; (count = ::read(terminal, buffer, sizeof buffer)) > 0;) seen.append(buffer, static_cast<std::size_t>(count));
  waitpid(child, nullptr, 0);
  ::close(terminal);
  return seen;
}

}  // namespace raphson::test
