// The extension module: registers every concept's binding and the hooks that keep interpreter exit and fork safe.
#include <exception>
#include <new>

#include "active_calls.hpp"
#include "bindings.hpp"

PYBIND11_MODULE(_core, module, py::mod_gil_not_used()) {
  module.doc() = "hogvec's C++ core; use it through the Python package.";
  py::register_local_exception_translator([](std::exception_ptr error) {
    try {
      if (error) std::rethrow_exception(error);
    } catch (const std::bad_alloc&) {   // its own text names a type of C++
      PyErr_SetString(PyExc_MemoryError, "not enough memory");
    }
  });
  hogvec::bindings::ActiveCall::install();
  hogvec::bindings::bind_info(module);
  hogvec::bindings::bind_vocabulary(module);
  hogvec::bindings::bind_word2vec_format(module);
  hogvec::bindings::bind_subword(module);
  hogvec::bindings::bind_corpus(module);
  hogvec::bindings::bind_arrow(module);
  hogvec::bindings::bind_documents(module);
  hogvec::bindings::bind_sampler(module);
  hogvec::bindings::bind_tree(module);
  hogvec::bindings::bind_graph(module);
  hogvec::bindings::bind_trainer(module);
  hogvec::bindings::bind_output_layer(module);
  hogvec::bindings::bind_ngram(module);
  hogvec::bindings::bind_item_neighbors(module);
}
