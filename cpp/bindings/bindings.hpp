// The registrars, one per concept, that module.cpp calls. No algorithm lives in this folder.
#pragma once

#include <pybind11/pybind11.h>

namespace py = pybind11;

namespace hogvec::bindings {

void bind_arrow(py::module_& module);
void bind_corpus(py::module_& module);
void bind_documents(py::module_& module);
void bind_graph(py::module_& module);
void bind_info(py::module_& module);
void bind_ngram(py::module_& module);
void bind_output_layer(py::module_& module);
void bind_item_neighbors(py::module_& module);
void bind_sampler(py::module_& module);
void bind_subword(py::module_& module);
void bind_trainer(py::module_& module);
void bind_tree(py::module_& module);
void bind_vocabulary(py::module_& module);
void bind_word2vec_format(py::module_& module);

}   // namespace hogvec::bindings
