// Calls that are inside the core with the GIL released. An interpreter that exits must not pull the ground from under
// them: a thread that takes the GIL during finalisation is ended by force, which C++ frames do not survive.
#pragma once

#include <atomic>
#include <chrono>
#include <thread>

#include "bindings.hpp"

namespace hogvec::bindings {

class ActiveCall {
 public:
  ActiveCall() { ++count(); }
  ~ActiveCall() { --count(); }
  ActiveCall(const ActiveCall&) = delete;
  ActiveCall& operator=(const ActiveCall&) = delete;

  // True once the interpreter has begun to exit: calls end as soon as they can, without touching Python.
  static bool exiting() { return exit_flag().load(); }

  // Registers the hooks: at exit, ask every call to end and wait until all have; after a fork, the child has none.
  static void install() {
    py::module_::import("atexit").attr("register")(py::cpp_function([] {
      exit_flag() = true;
      const py::gil_scoped_release release;
      while (count().load() > 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }));
    const py::module_ os = py::module_::import("os");
    if (py::hasattr(os, "register_at_fork"))
      os.attr("register_at_fork")(py::arg("after_in_child") = py::cpp_function([] { count() = 0; }));
  }

 private:
  static std::atomic<int>& count() {
    static std::atomic<int> calls{0};
    return calls;
  }
  static std::atomic<bool>& exit_flag() {
    static std::atomic<bool> flag{false};
    return flag;
  }
};

}   // namespace hogvec::bindings
