// Draws without repetition: the distinct ids among independent draws, in the order of their first appearance, and how
// many draws that took. Where most draws would be repeats, an exact shortcut with the same law ends the wait.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "hogvec/types.hpp"

namespace hogvec {

class DistinctIds {
 public:
  explicit DistinctIds(std::size_t num_wanted);

  // Takes independent draws of one distribution in their order, as many as are needed. True once all ids are there.
  bool add(std::span<const WordId> draws);

  // Finds all ids that are still missing at once, as if add() were called for ever. probability: (n,), of the
  // distribution of the draws. Drawing until an id is new gives the ids outside those seen with probabilities in
  // proportion to `probability`; so does taking them by the arrival times E_i / p_i of independent exponential E_i
  // (Efraimidis and Spirakis, "Weighted random sampling with a reservoir", Information Processing Letters 97, 2006).
  // The number of draws that a new id takes is geometric in the mass of what is unseen, and is drawn as such.
  // Throws ValueError when fewer ids than wanted have positive probability, IndexError for an id seen beyond n.
  void complete(std::span<const double> probability, std::uint64_t key);

  // (num_wanted,) once all are there.
  std::vector<WordId>& ids() { return ids_; }

  // Draws up to the one that found the last id, exact up to 2^53, at most 1e308: so that ids of any positive
  // probability can be waited for.
  double num_tries() const { return num_tries_; }

 private:
  bool insert(WordId id);   // false if it was there

  std::size_t num_wanted_;
  std::vector<WordId> ids_;
  std::vector<WordId> slots_;   // open addressing, at most half full
  int shift_;                   // from 64 bits to a slot
  double num_tries_ = 0;
};

}   // namespace hogvec
