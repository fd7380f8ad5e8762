// The softmax in its three conventions, and the logistic link of an example's own candidates.
#include "hogvec/output_link.hpp"

#include <algorithm>
#include <cmath>

#include "hogvec/math.hpp"

namespace hogvec {
namespace {

// One softmax over the example's targets and the shared candidates. With y the labels, which sum to 1, eps the
// smoothing and K the number of candidates: loss = sum of ((1 - eps) y + eps / K) (LSE(o) - o).
double corrected_together(const LinkSettings& settings, double weight, const SharedSum& shared,
                          std::span<OwnCandidate> own, SharedCoefficients& coefficients) {
  const double eps = settings.label_smoothing;
  const double each = eps / (static_cast<double>(own.size()) + shared.count);
  double log_z = shared.log_sum;
  for (const OwnCandidate& t : own) log_z = log_add(log_z, t.score - t.log_q);
  double loss = 0;
  double own_sum = 0;
  double label_sum = 0;
  for (OwnCandidate& t : own) {
    const double o = t.score - t.log_q;
    const double label = (1 - eps) * t.label + each;
    loss += (1 - eps) * t.label * (log_z - o);
    own_sum += o;
    label_sum += t.label;
    t.coefficient = label;
  }
  if (eps > 0) loss += eps * log_z - each * (own_sum + shared.sum);
  const double mass = (1 - eps) * label_sum + eps;   // 1 but for rounding, and for own candidates without a label
  for (OwnCandidate& t : own) t.coefficient = weight * (t.coefficient - mass * std::exp(t.score - t.log_q - log_z));
  coefficients = {log_z, weight * mass, weight * each};
  return weight * loss;
}

// A softmax for each target over it and the shared candidates: the sum of their losses.
double corrected_apart(const LinkSettings& settings, double weight, const SharedSum& shared,
                       std::span<OwnCandidate> own, SharedCoefficients& coefficients) {
  const double eps = settings.label_smoothing;
  const double each = eps / (1 + shared.count);
  double loss = 0;
  double log_mass = -kInfinity;   // ln of the sum over targets of label / Z
  double label_sum = 0;
  for (OwnCandidate& t : own) {
    const double o = t.score - t.log_q;
    const double log_z = log_add(shared.log_sum, o);
    loss += t.label * (1 - eps) * (log_z - o);
    if (eps > 0) loss += t.label * (eps * log_z - each * (o + shared.sum));
    t.coefficient = weight * t.label * ((1 - eps) + each - std::exp(o - log_z));
    log_mass = log_add(log_mass, std::log(t.label) - log_z);
    label_sum += t.label;
  }
  coefficients = {-log_mass, weight, weight * each * label_sum};
  return weight * loss;
}

// The normaliser is estimated by the sample alone: loss = sum of y (LSE(o_shared) - s).
double importance(double weight, const SharedSum& shared, std::span<OwnCandidate> own,
                  SharedCoefficients& coefficients) {
  double loss = 0;
  double label_sum = 0;
  for (OwnCandidate& t : own) {
    loss += t.label * (shared.log_sum - t.score);
    label_sum += t.label;
    t.coefficient = weight * t.label;
  }
  coefficients = {shared.log_sum, weight * label_sum, 0};
  return weight * loss;
}

// loss = (1 - P) (ln sum over others of exp(s) / Q' - s), whose factor 1 - P is taken as a constant. Distinct draws: Q'
// is the expected count. Draws with replacement, n of them and n' without hits: Q' = Q / (1 - Q(target)), and P is
// estimated with the mean over n' instead of the sum.
double refined(const LinkSettings& settings, double weight, const SharedSum& shared, std::span<OwnCandidate> own,
               SharedCoefficients& coefficients) {
  double loss = 0;
  double scale = 0;
  for (OwnCandidate& t : own) {
    t.coefficient = 0;
    if (shared.log_sum == -kInfinity) continue;   // nothing but the target: the model cannot err
    double others = shared.log_sum;
    double mean = others;
    if (settings.num_draws > 0) {
      const double q = std::min(std::exp(t.log_q) / settings.num_draws, 1.0);
      others += std::log(settings.num_draws) + std::log1p(-q);
      mean = others - std::log(shared.count);
    }
    const double factor = weight * t.label * sigmoid(mean - t.score);
    if (factor == 0) continue;
    loss += factor * (others - t.score);
    scale += factor;
    t.coefficient = factor;
  }
  coefficients = {shared.log_sum, scale, 0};
  return loss;
}

}   // namespace

double link_softmax(const LinkSettings& settings, double weight, const SharedSum& shared, std::span<OwnCandidate> own,
                    SharedCoefficients& coefficients) {
  switch (settings.positive) {
    case Positive::kImportance: return importance(weight, shared, own, coefficients);
    case Positive::kRefined: return refined(settings, weight, shared, own, coefficients);
    case Positive::kCorrected: break;
  }
  return settings.independent ? corrected_apart(settings, weight, shared, own, coefficients)
                              : corrected_together(settings, weight, shared, own, coefficients);
}

double link_logistic(double weight, std::span<OwnCandidate> own) {
  double loss = 0;
  for (OwnCandidate& t : own) {
    const double o = t.score - t.log_q;
    loss += softplus(o) - t.label * o;
    t.coefficient = weight * (t.label - sigmoid(o));
  }
  return weight * loss;
}

}   // namespace hogvec
