// Learning rates as functions of the position in the corpus, never of a counter that workers race for.
#pragma once

namespace hogvec {

// word2vec's linear decay from `first` at progress 0 to a floor of 1e-4 * first near progress 1 (Mikolov et al. 2013).
constexpr double linear_decay(double first, double progress) {
  constexpr double kFloor = 1e-4;
  const double factor = 1.0 - progress;
  return first * (factor > kFloor ? factor : kFloor);
}

}   // namespace hogvec
