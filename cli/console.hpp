#pragma once
/// What the user sees while work goes on.

#include <atomic>
#include <memory>
#include <string>

namespace raphson::cli {

/// Lines go to standard output unless quiet. On a terminal, more than a second without a line shows what is going on in one line on
/// standard error ("reading train.csv … 3 s"), which disappears with the next line; in a pipe nothing but the lines is ever written.
class Console {
 public:
  explicit Console(bool quiet);
  ~Console();
  Console(const Console&) = delete;
  Console& operator=(const Console&) = delete;

  void line(const std::string& text);
  /// What is going on from now on; empty: nothing. Seconds count from the last line, or from when nothing was going on.
  void stage(const std::string& text);
  bool quiet() const { return quiet_; }

 private:
  struct Ticker;
  bool quiet_;
  std::unique_ptr<Ticker> ticker_;
};

/// From now on the first Ctrl-C (or SIGTERM) sets this flag and the second ends the process.
const std::atomic<bool>* catch_interrupts();

}  // namespace raphson::cli
