// How the scores of one example become its loss and coefficients, -dLoss/dScore, in double precision. The shared
// candidates are many and stay with the kernels: a link sees the sum over them and says how theirs follow from it.
#pragma once

#include <cstdint>
#include <span>

#include "hogvec/batch.hpp"

namespace hogvec {

// How the target's own score enters a softmax over a sample.
enum class Positive : std::uint8_t {
  kCorrected,    // as a candidate like the sampled ones (Jean et al. 2015)
  kImportance,   // the sample alone estimates the normaliser (Bengio and Senecal 2008)
  kRefined       // the sample estimates what is not the target, the example weighs 1 - p (Khrylchenko et al. 2025)
};

struct LinkSettings {
  Link link = Link::kLogistic;
  Positive positive = Positive::kCorrected;
  bool independent = false;     // targets of an example have label 1 each, else 1 / n
  double label_smoothing = 0;   // the share of the label that all candidates have alike
  double num_draws = 0;         // kRefined: draws with replacement; 0 when they were distinct
};

struct OwnCandidate {
  double label = 0;
  double log_q = 0;         // subtracted from the score
  double score = 0;         // before that
  double coefficient = 0;   // what the link says
};

// The shared candidates of an example, as a sum over those that are not masked; o = score - log_q + ln weight.
struct SharedSum {
  double log_sum = 0;   // ln sum exp(o); minus infinity for none
  double sum = 0;       // of weight (score - log_q), where labels are smoothed
  double count = 0;     // with their weights
};

// The coefficient of a shared candidate that is not masked is weight floor - scale exp(o - log_z).
struct SharedCoefficients {
  double log_z = 0;
  double scale = 0;
  double floor = 0;
};

// Fills in the coefficients of the own candidates and returns the example's loss; weight multiplies all of it.
double link_softmax(const LinkSettings& settings, double weight, const SharedSum& shared, std::span<OwnCandidate> own,
                    SharedCoefficients& coefficients);
// The same with a yes-or-no question for each own candidate; the shared ones add theirs elsewhere.
double link_logistic(double weight, std::span<OwnCandidate> own);

}   // namespace hogvec
