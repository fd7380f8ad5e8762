// Calls that are inside the core with the GIL released, or that run Python code below C++ frames. An interpreter that
// exits must not pull the ground from under them: a thread that takes the GIL during finalisation is ended by force,
// which C++ frames do not survive.
#pragma once

#include <atomic>
#include <chrono>
#include <thread>

#include "bindings.hpp"
#include "hogvec/error.hpp"

namespace hogvec::bindings {

class ActiveCall {
 public:
  ActiveCall() {
    if (exiting()) throw StateError("a thread must not call hogvec while the interpreter exits");
    ++count();
  }
  ~ActiveCall() { --count(); }
  ActiveCall(const ActiveCall&) = delete;
  ActiveCall& operator=(const ActiveCall&) = delete;

  // True once the interpreter has begun to exit: calls end as soon as they can, without touching Python. The thread
  // that exits is not in danger, and its exit functions may still call us.
  static bool exiting() { return exit_flag().load() && std::this_thread::get_id() != exiting_thread(); }

  // Registers the hooks: at exit, ask every call to end and wait until all have; after a fork, the child has none.
  static void install() {
    py::module_::import("atexit").attr("register")(py::cpp_function([] {
      exiting_thread() = std::this_thread::get_id();
      exit_flag() = true;
      const py::gil_scoped_release release;
      // A call that waits for an iterable of the caller's may never end: so the exit does not wait for ever.
      const auto latest = std::chrono::steady_clock::now() + std::chrono::seconds(10);
      while (count().load() > 0 && std::chrono::steady_clock::now() < latest)
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
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
  static std::thread::id& exiting_thread() {   // written once, before the flag
    static std::thread::id id;
    return id;
  }
};

// Asked by calls that take long, a few times a second: Ctrl-C raises. The GIL is taken only while the interpreter
// lives.
inline bool keep_going() {
  if (ActiveCall::exiting()) return false;
  const py::gil_scoped_acquire acquire;
  if (PyErr_CheckSignals() != 0) throw py::error_already_set();
  return true;
}

// Work without the GIL: it is released here and taken again at the end of the scope.
class Unlocked {
 public:
  Unlocked() = default;

 private:
  ActiveCall active_;   // ends after the GIL is ours again
  py::gil_scoped_release release_;
};

}   // namespace hogvec::bindings
