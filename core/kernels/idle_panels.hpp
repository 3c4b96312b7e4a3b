#pragma once
#include <raphson/core/types.hpp>

#include <algorithm>
#include <utility>
#include <vector>

namespace raphson::kernels {

/// Panels that a thread keeps for its next use: memory that is given back and asked for again comes as new pages, which takes longer than
/// the work on small matrices. Who takes them owns them meanwhile, for a thread that waits in a parallel loop may begin another task that
/// wants some.
template <class Panel>
class IdlePanels {
 public:
  explicit IdlePanels(Index count) : panels_(std::exchange(idle(), {})) { panels_.resize(std::max<Index>(count, panels_.size())); }
  ~IdlePanels() {
    if (panels_.size() >= idle().size()) idle().swap(panels_);
  }
  IdlePanels(const IdlePanels&) = delete;
  IdlePanels& operator=(const IdlePanels&) = delete;
  Panel& operator[](Index p) { return panels_[p]; }

 private:
  static std::vector<Panel>& idle() {
    thread_local std::vector<Panel> panels;
    return panels;
  }
  std::vector<Panel> panels_;
};

}  // namespace raphson::kernels
