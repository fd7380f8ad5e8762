// A worker's own copies of the output rows that nearly every group trains, the nodes near the root of a tree: cores
// that write the same row wait for one another, and each of these rows would be written by all of them all the time.
#pragma once

#include <cstdint>
#include <vector>

#include "hogvec/aligned_floats.hpp"
#include "hogvec/kernels.hpp"
#include "hogvec/table.hpp"

namespace hogvec {

class RowReplicas {
 public:
  // Of rows [first, first + count) of the table, for one of `workers`. Throws std::bad_alloc.
  RowReplicas(const Kernels& kernels, TableView table, std::int64_t first, std::int64_t count, int workers);

  // What kernels train in place of the table's rows.
  ReplicaView view() { return {first_, count_, rows_.data(), uses_.data()}; }
  // So many more groups were trained, at the learning rate: it is time to merge now and then.
  void trained(std::int64_t groups, double learning_rate);
  // Brings what the copies learned since the last time to the table, and what the other workers brought there to the
  // copies. The rows of the table may race.
  void merge();

 private:
  const Kernels* kernels_;
  TableView table_;
  std::int64_t first_, count_;
  double workers_;
  double learning_rate_ = 0;
  std::int64_t groups_ = 0;           // since the last merge
  AlignedFloats rows_, before_;       // (count, stride): now, and after the last merge
  std::vector<std::uint32_t> uses_;   // (count + 1,): groups of each row since the last merge
};

// The part of a copy's change that the table takes, of a row that each of `workers` trained with `uses` groups at the
// learning rate.
double merged_share(double learning_rate, double uses, double workers);

}   // namespace hogvec
