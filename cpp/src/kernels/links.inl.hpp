// The links: the scores of a group become coefficients G = -dLoss/dS times the learning rate, in place, and its loss
// where it is measured. Included inside a namespace of each instruction set after tiles.inl.hpp.

HOGVEC_INLINE float* row_of_table(const TableView& table, RowId id) {
  return table.data + static_cast<long>(id) * table.stride;
}
HOGVEC_INLINE long hidden_of(const BatchArrays& batch, long i) {
  return batch.group_hidden ? batch.group_hidden[i] : i;
}
HOGVEC_INLINE float inner_product(const float* hidden, float* row, long stride) {
  const float* h_rows[1] = {hidden};
  float* w_rows[1] = {row};
  float result[16];
  score_tile<1, 1>(h_rows, w_rows, stride, result, 8);
  return result[0];
}

// What the groups of a batch are trained on and with.
struct Training {
  const BatchArrays& batch;
  const GroupSettings& settings;
  float coefficient_rate;   // what G is multiplied by: the learning rate for SGD, 1 for optimizers that apply it later
  long stride;
  long row_mask;             // 0 when all groups have the rows of the first, else -1
  RowList inputs, outputs;   // rows of the bags, rows of the shared candidates
  const TrainedTable &input, &output;
  Scratch& scratch;
};

#if HOGVEC_LANES == 16
HOGVEC_INLINE Vec twice_8(const float* values) {
  const Vec v = load_private(values);
  return __builtin_shufflevector(v, v, 0, 1, 2, 3, 4, 5, 6, 7, 0, 1, 2, 3, 4, 5, 6, 7);
}
#endif

// G = -dLoss/dS times the learning rate, over the scores: rate * weight_b * weight_t * (label_t - sigmoid(s)).
static void link_logistic(const Group& group, const Training& training) {
  const BatchArrays& batch = training.batch;
  const float rate = training.coefficient_rate;
  float* const scores = training.scratch.scores;
  const float* labels = batch.shared_labels + group.shared;
  const float* weights = batch.shared_weights ? batch.shared_weights + group.shared : nullptr;
#if HOGVEC_LANES == 16
  if (group.columns == 8) {   // two hidden vectors to a register
    const Vec scale = weights ? rate * twice_8(weights) : splat(rate);
    const Vec offset = scale * twice_8(labels);
    for (long i = 0; i < group.B * 8; i += kLanes)
      store_private(scores + i, offset - scale * sigmoid_of(load_private(scores + i)));
  } else
#endif
    for (long t = 0; t < group.T; t += kLanes) {
      const Vec scale = weights ? rate * load_private(weights + t) : splat(rate);
      const Vec offset = scale * load_private(labels + t);
      float* column = scores + t;
      for (long b = 0; b < group.B; ++b, column += group.columns)
        store_private(column, offset - scale * sigmoid_of(load_private(column)));
    }
  if (!batch.weight) return;
  const long* const weighted = training.scratch.weighted_before + group.first;
  if (!batch.group_hidden && weighted[group.B] == weighted[0]) return;
  for (long b = 0; b < group.B; ++b) {
    const float weight = batch.weight[hidden_of(batch, group.first + b)];
    float* row = scores + b * group.columns;
    for (long t = 0; t < group.T; ++t) row[t] *= weight;
  }
}

// S -= log_q, in place.
static void subtract_log_q(const Group& group, const BatchArrays& batch, float* scores) {
  for (long b = 0; b < group.B; ++b, scores += group.columns) {
    for (long t = 0; t < group.T; t += kLanes) {
      // Rows of scores may be shorter than a register: what lies beyond belongs to the next.
      Vec log_q = load_private(batch.shared_log_q + group.shared + t);
      for (int i = 0; i < kLanes; ++i) log_q[i] = t + i < group.T ? log_q[i] : 0.0F;
      store_private(scores + t, load_private(scores + t) - log_q);
    }
  }
}

// Calls function(t) for the shared candidates of the group that its hidden vector h leaves out.
template <class Function>
HOGVEC_INLINE void for_hits(const Group& group, const BatchArrays& batch, long h, Function function) {
  if (!batch.hit_offsets) return;
  for (long i = batch.hit_offsets[h]; i < batch.hit_offsets[h + 1]; ++i) {
    const long t = batch.hit_candidates[i] - group.shared;
    if (t >= 0 && t < group.T) function(t);   // else in another group of h
  }
}

// Scores or coefficients of candidates that are left out become 0.
static void clear_hits(const Group& group, const BatchArrays& batch, float* scores) {
  for (long b = 0; b < group.B; ++b, scores += group.columns)
    for_hits(group, batch, hidden_of(batch, group.first + b), [&](long t) { scores[t] = 0; });
}

// Adds the group's loss, sum of weight_b * weight_t * (softplus(s) - label * s), from its scores.
static void measure_logistic(const Group& group, const BatchArrays& batch, const float* scores, float* losses,
                             LossSum& sum) {
  for (long b = 0; b < group.B; ++b) {
    const float* row = scores + b * group.columns;
    for (long t = 0; t < group.columns; t += kLanes) store_private(losses + t, softplus_of(load_private(row + t)));
    for_hits(group, batch, hidden_of(batch, group.first + b), [&](long t) { losses[t] = 0; });   // scores are 0, too
    double loss = 0;
    for (long t = 0; t < group.T; ++t) {
      const double weight = !batch.shared_weights ? 1.0 : batch.shared_weights[group.shared + t];
      loss += weight * (double{losses[t]} - double{batch.shared_labels[group.shared + t]} * double{row[t]});
    }
    const double weight = !batch.weight ? 1.0 : batch.weight[hidden_of(batch, group.first + b)];
    sum.loss += weight * loss;
    sum.weight += weight;
  }
}

// The softmax link. With o = score_scale * score - log_q + ln weight over the candidates of hidden vector b, shared and
// its own, p the softmax of o and y = weight * label: loss = weight_b sum y (LSE(o) - o + ln weight), and
// G = rate * weight_b * score_scale * (y - p sum y). A candidate that is left out has no mass and no label.

constexpr float kLeftOut = -0x1p127F;   // the score o of what is left out: far below all others, yet no infinity
constexpr float kLeast = -0x1p126F;     // below this are only such scores

HOGVEC_INLINE IntVec lanes_below(long n) {
  IntVec lane;
  for (int i = 0; i < kLanes; ++i) lane[i] = i;
  return lane < static_cast<int>(n < kLanes ? n : kLanes);
}
// Rows of scores may be shorter than a register: what lies beyond belongs to the next.
HOGVEC_INLINE void store_lanes(float* p, Vec v, IntVec lanes) { store_private(p, choose(lanes, v, load_private(p))); }

// log_q - ln weight of the group's candidates, (T,) and more that may be read; nullptr when all are 0.
static const float* softmax_offsets(const Group& group, const BatchArrays& batch, float* offsets) {
  const float* const log_q = batch.shared_log_q ? batch.shared_log_q + group.shared : nullptr;
  if (!batch.shared_weights) return log_q;
  const float* const weights = batch.shared_weights + group.shared;
  for (long t = 0; t < group.T; t += kLanes) {
    const Vec weight = load_private(weights + t);
    const Vec offset = (log_q ? load_private(log_q + t) : Vec{}) - log_of(weight);
    store_private(offsets + t, choose(weight >= 0x1p-126F, offset, splat(-kLeftOut)));
  }
  return offsets;
}

// The sum of weight * label over the group's candidates.
static double label_mass(const Group& group, const BatchArrays& batch) {
  Vec sum{};
  for (long t = 0; t < group.T; t += kLanes) {
    Vec labels = load_private(batch.shared_labels + group.shared + t);
    if (batch.shared_weights) labels *= load_private(batch.shared_weights + group.shared + t);
    sum += choose(lanes_below(group.T - t), labels, Vec{});
  }
  double mass = 0;
  for (int i = 0; i < kLanes; ++i) mass += double{sum[i]};
  return mass;
}

// scores = scale * scores - offsets; returns the largest.
static float shift_scores(float* scores, long T, float scale, const float* offsets) {
  Vec most = splat(kLeftOut);
  for (long t = 0; t < T; t += kLanes) {
    const IntVec lanes = lanes_below(T - t);
    Vec o = scale * load_private(scores + t);
    if (offsets) o -= load_private(offsets + t);
    most = choose(lanes & (o > most), o, most);
    store_lanes(scores + t, o, lanes);
  }
  float largest = most[0];
  for (int i = 1; i < kLanes; ++i) largest = most[i] > largest ? most[i] : largest;
  return largest;
}

// exp(x) for x <= 0, exactly 0 where a float could not be normal.
HOGVEC_INLINE Vec mass_of(Vec x) { return choose(x < -87.33F, Vec{}, exp_negative(x)); }

// scores = exp(scores - most); returns their sum. Blocks keep the sum of very many exact to rounding.
static double exponentiate(float* scores, long T, float most) {
  constexpr long kBlock = 64 * kLanes;
  double total = 0;
  for (long begin = 0; begin < T; begin += kBlock) {
    Vec sum{};
    for (long t = begin; t < T && t < begin + kBlock; t += kLanes) {
      const IntVec lanes = lanes_below(T - t);
      const Vec mass = mass_of(load_private(scores + t) - most);
      sum += choose(lanes, mass, Vec{});
      store_lanes(scores + t, mass, lanes);
    }
    for (int i = 0; i < kLanes; ++i) total += double{sum[i]};
  }
  return total;
}

// The candidates of one hidden vector.
struct SoftmaxRow {
  long h;
  float* scores;          // (T,)
  float* own;             // (num_own,)
  const float* offsets;   // (T,) or nullptr
  float most;             // the largest o
  double labels;          // the sum of y
};

// Scores become o, the shared ones and its own; what is left out is marked.
static void prepare_row(const Group& group, const Training& training, const float* hidden, SoftmaxRow& row) {
  const BatchArrays& batch = training.batch;
  const float scale = training.settings.score_scale;
  row.most = shift_scores(row.scores, group.T, scale, row.offsets);
  bool hit = false;
  for_hits(group, batch, row.h, [&](long t) {
    if (row.scores[t] == kLeftOut) return;   // named twice
    row.scores[t] = kLeftOut;
    const double weight = batch.shared_weights ? double{batch.shared_weights[group.shared + t]} : 1.0;
    row.labels -= weight * double{batch.shared_labels[group.shared + t]};
    hit = true;
  });
  if (hit) row.most = shift_scores(row.scores, group.T, 1, nullptr);
  if (!batch.own_offsets) return;
  const long begin = batch.own_offsets[row.h];
  for (long t = begin; t < batch.own_offsets[row.h + 1]; ++t) {
    const float score = inner_product(hidden, row_of_table(training.output.values, batch.own_rows[t]), training.stride);
    const float o = scale * score - (batch.own_log_q ? batch.own_log_q[t] : 0.0F);
    row.own[t - begin] = o;
    row.most = o > row.most ? o : row.most;
    row.labels += double{batch.own_labels[t]};
  }
}

// The sum of y (most - o + ln weight): the loss but for the logarithm of the masses.
static double distance_of_labels(const Group& group, const BatchArrays& batch, const SoftmaxRow& row) {
  const float* const labels = batch.shared_labels + group.shared;
  double sum = 0;
  for (long t = 0; t < group.T; ++t) {
    if (labels[t] == 0 || row.scores[t] == kLeftOut) continue;
    const double distance = double{row.most} - double{row.scores[t]};
    if (!batch.shared_weights) {
      sum += double{labels[t]} * distance;
      continue;
    }
    const float weight = batch.shared_weights[group.shared + t];
    if (weight < 0x1p-126F) continue;
    const float log_q = batch.shared_log_q ? batch.shared_log_q[group.shared + t] : 0.0F;
    sum += double{weight} * double{labels[t]} * (distance - double{row.offsets[t]} + double{log_q});
  }
  if (!batch.own_offsets) return sum;
  const long begin = batch.own_offsets[row.h];
  for (long t = begin; t < batch.own_offsets[row.h + 1]; ++t)
    sum += double{batch.own_labels[t]} * (double{row.most} - double{row.own[t - begin]});
  return sum;
}

// Without any candidate there is no loss; scores that are no numbers, or beyond those of a float, are passed on.
static double clear_row(const Group& group, const SoftmaxRow& row) {
  double loss = 0;
  for (long t = 0; t < group.T; ++t) {
    const float nothing = row.scores[t] - row.scores[t];
    loss += double{nothing};
    row.scores[t] = nothing;
  }
  return loss;
}

// o becomes G, for the shared candidates and its own. Returns the loss if it is `measured`.
static double link_row(const Group& group, const Training& training, float rate, bool measured, const SoftmaxRow& row) {
  const BatchArrays& batch = training.batch;
  const long begin = batch.own_offsets ? batch.own_offsets[row.h] : 0;
  const long num_own = batch.own_offsets ? batch.own_offsets[row.h + 1] - begin : 0;
  if (!(row.most >= kLeast) && num_own == 0) return clear_row(group, row);
  double loss = measured ? distance_of_labels(group, batch, row) : 0;
  double total = exponentiate(row.scores, group.T, row.most);
  for (long t = 0; t < num_own; ++t) {
    row.own[t] = mass_of(splat(row.own[t] - row.most))[0];
    total += double{row.own[t]};
  }
  if (measured) loss += row.labels * double{log_of(splat(static_cast<float>(total)))[0]};
  const float factor = static_cast<float>(double{rate} * row.labels / total);
  for (long t = 0; t < group.T; t += kLanes) {
    Vec y = load_private(batch.shared_labels + group.shared + t);
    if (batch.shared_weights) y *= load_private(batch.shared_weights + group.shared + t);
    store_lanes(row.scores + t, rate * y - factor * load_private(row.scores + t), lanes_below(group.T - t));
  }
  for_hits(group, batch, row.h, [&](long t) { row.scores[t] = 0; });
  for (long t = 0; t < num_own; ++t) row.own[t] = rate * batch.own_labels[begin + t] - factor * row.own[t];
  return loss;
}

static void link_softmax(const Group& group, const Training& training, bool measured, LossSum& sum) {
  const BatchArrays& batch = training.batch;
  const Scratch& scratch = training.scratch;
  const float* const offsets = softmax_offsets(group, batch, scratch.losses);
  const double labels = label_mass(group, batch);
  float* own = scratch.own_coefficients;
  for (long b = 0; b < group.B; ++b) {
    const long h = hidden_of(batch, group.first + b);
    const float weight = batch.weight ? batch.weight[h] : 1.0F;
    SoftmaxRow row = {h, scratch.scores + b * group.columns, own, offsets, 0, labels};
    prepare_row(group, training, group.hidden[b], row);
    const float rate = training.coefficient_rate * training.settings.score_scale * weight;
    const double loss = link_row(group, training, rate, measured, row);
    if (batch.own_offsets) own += batch.own_offsets[h + 1] - batch.own_offsets[h];
    if (!measured) continue;
    sum.loss += double{weight} * loss;
    sum.weight += double{weight};
  }
}
