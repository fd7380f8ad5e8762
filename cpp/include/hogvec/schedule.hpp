// Learning rates as functions of the position in the corpus, never of a counter that workers race for.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numbers>

namespace hogvec {

// What a learning rate is multiplied by at progress p of [0, 1]: it rises linearly from the floor to 1 over the first
// `warm_up` of a run, then follows its shape down to the floor over the rest. The linear one without warm-up is
// word2vec's (Mikolov et al. 2013); the cosine is that of Loshchilov and Hutter 2017 without restarts.
struct Schedule {
  enum class Shape : std::uint8_t { kConstant, kLinear, kCosine };

  Shape shape = Shape::kLinear;
  double floor = 1e-4;
  double warm_up = 0;

  double factor(double progress) const {
    if (progress < warm_up) return std::max(progress / warm_up, floor);
    const double p = warm_up > 0 ? (progress - warm_up) / (1 - warm_up) : progress;
    if (shape == Shape::kConstant) return 1;
    const double fallen = shape == Shape::kLinear ? 1 - p : (1 + std::cos(std::numbers::pi * std::min(p, 1.0))) / 2;
    return std::max(fallen, floor);
  }
  double learning_rate(double highest, double progress) const { return highest * factor(progress); }
};

}   // namespace hogvec
