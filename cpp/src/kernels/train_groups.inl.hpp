// The group kernel: encode bags, score candidates, link, update candidate rows, scatter to bag rows; the exact gradient
// of each group's loss, each row moved through the caches once per group. Included inside a namespace of each
// instruction set after tiles.inl.hpp.

HOGVEC_INLINE long hidden_of(const BatchArrays& batch, long i) {
  return batch.group_hidden ? batch.group_hidden[i] : i;
}

#if HOGVEC_LANES == 16
HOGVEC_INLINE Vec twice_8(const float* values) {
  const Vec v = load_private(values);
  return __builtin_shufflevector(v, v, 0, 1, 2, 3, 4, 5, 6, 7, 0, 1, 2, 3, 4, 5, 6, 7);
}
#endif

// G = -dLoss/dS times the learning rate, over the scores: rate * weight_b * weight_t * (label_t - sigmoid(s)).
static void link_logistic(const Group& group, const BatchArrays& batch, float rate, float* scores) {
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
  for (long b = 0; b < group.B; ++b) {
    const float weight = batch.weight[hidden_of(batch, group.first + b)];
    float* row = scores + b * group.columns;
    if (weight == 1.0F) continue;
    for (long t = 0; t < group.T; ++t) row[t] *= weight;
  }
}

// Adds the group's loss, sum of weight_b * weight_t * (softplus(s) - label * s), from its scores.
static void measure_logistic(const Group& group, const BatchArrays& batch, const float* scores, float* losses,
                             LossSum& sum) {
  for (long b = 0; b < group.B; ++b) {
    const float* row = scores + b * group.columns;
    for (long t = 0; t < group.columns; t += kLanes) store_private(losses + t, softplus_of(load_private(row + t)));
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

// The input rows of hidden vector h.
struct Bag {
  const RowId* rows;
  const float* weights;   // nullptr: 1
  long size;
};

HOGVEC_INLINE Bag bag_of(const BatchArrays& batch, long h) {
  const long begin = batch.bag_offsets ? batch.bag_offsets[h] : h;
  const long end = batch.bag_offsets ? batch.bag_offsets[h + 1] : h + 1;
  return {batch.bag_rows + begin, batch.bag_weights ? batch.bag_weights + begin : nullptr, end - begin};
}

// N registers of hidden = scale * sum of weight_e * row_e, from float d on.
template <int N>
HOGVEC_INLINE void encode_slices(const Bag& bag, float scale, const TableView& input, long d, float* hidden) {
  Vec sum[N] = {};
  for (long e = 0; e < bag.size; ++e) {
    const float* row = row_of_table(input, bag.rows[e]) + d;
    const Vec weight = splat(bag.weights ? bag.weights[e] : 1.0F);
    HOGVEC_UNROLL
    for (int n = 0; n < N; ++n) sum[n] += weight * load(row + n * kLanes);
  }
  HOGVEC_UNROLL
  for (int n = 0; n < N; ++n) store_private(hidden + d + n * kLanes, splat(scale) * sum[n]);
}

static void encode(const Bag& bag, float scale, const TableView& input, float* hidden) {
  long d = 0;
  for (; d + 4 * kLanes <= input.stride; d += 4 * kLanes) encode_slices<4>(bag, scale, input, d, hidden);
  switch ((input.stride - d) / kLanes) {
    case 3: encode_slices<3>(bag, scale, input, d, hidden); break;
    case 2: encode_slices<2>(bag, scale, input, d, hidden); break;
    case 1: encode_slices<1>(bag, scale, input, d, hidden); break;
    default: break;
  }
}

// row_e += scale * weight_e * gradient for every entry of the bag.
static void scatter(const Bag& bag, float scale, const TableView& input, const float* gradient) {
  for (long e = 0; e < bag.size; ++e) {
    float* row = row_of_table(input, bag.rows[e]);
    const Vec factor = splat(bag.weights ? scale * bag.weights[e] : scale);
    for (long d = 0; d < input.stride; d += kLanes) store(row + d, load(row + d) + factor * load_private(gradient + d));
  }
}

// The candidates of one hidden vector alone: dH from the rows as they are. Their update is a later pass, so that a row
// that is also shared, or stands twice, receives every contribution.
static void score_own(const BatchArrays& batch, long h, const float* hidden, TableView output, float rate,
                      float* coefficients, float* gradient, bool measured, LossSum& sum) {
  const float weight = batch.weight ? batch.weight[h] : 1.0F;
  const long begin = batch.own_offsets[h];
  for (long t = begin; t < batch.own_offsets[h + 1]; ++t) {
    float* row = row_of_table(output, batch.own_rows[t]);
    const float* h_rows[1] = {hidden};
    float* w_rows[1] = {row};
    float result[16];
    score_tile<1, 1>(h_rows, w_rows, output.stride, result, 8);
    const Vec s = splat(result[0]);
    const float label = batch.own_labels[t];
    if (measured) sum.loss += double{weight} * (double{softplus_of(s)[0]} - double{label} * double{result[0]});
    const float g = rate * weight * (label - sigmoid_of(s)[0]);
    coefficients[t - begin] = g;
    for (long d = 0; d < output.stride; d += kLanes)
      store_private(gradient + d, load_private(gradient + d) + g * load(row + d));
  }
}

static void update_own(const BatchArrays& batch, long h, const float* hidden, TableView output,
                       const float* coefficients) {
  const long begin = batch.own_offsets[h];
  for (long t = begin; t < batch.own_offsets[h + 1]; ++t) {
    float* row = row_of_table(output, batch.own_rows[t]);
    for (long d = 0; d < output.stride; d += kLanes)
      store(row + d, load(row + d) + coefficients[t - begin] * load_private(hidden + d));
  }
}

// Where the group's rows are: candidates, hidden vectors (encoded first, unless they are rows themselves), gradients.
static void gather(const Group& group, const BatchArrays& batch, const TableView& input, const TableView& output,
                   const Scratch& scratch) {
  const float** const hidden = group.hidden;
  float** const gradient = group.gradient;
  float** const candidates = group.candidates;
  const RowId* const rows = batch.shared_rows + group.shared;
  for (long t = 0; t < group.T; ++t) candidates[t] = row_of_table(output, rows[t]);
  for (long b = 0; b < group.B; ++b) {
    const long h = hidden_of(batch, group.first + b);
    gradient[b] = scratch.hidden_gradient + b * input.stride;
    if (batch.rows_distinct) {
      hidden[b] = row_of_table(input, batch.bag_rows[h]);
      continue;
    }
    float* const row = scratch.hidden + b * input.stride;
    encode(bag_of(batch, h), batch.forward_scale ? batch.forward_scale[h] : 1.0F, input, row);
    hidden[b] = row;
  }
}

static void train_group(const BatchArrays& batch, long g, const GroupSettings& settings, TableView input,
                        TableView output, Scratch& scratch, Fetcher& fetcher, bool measured, LossSum& sum) {
  Group group;
  group.first = batch.group_offsets[g];
  group.B = batch.group_offsets[g + 1] - group.first;
  group.shared = batch.shared_offsets[g];
  group.T = batch.shared_offsets[g + 1] - group.shared;
  group.columns = score_columns(group.T);
  group.hidden = const_cast<const float**>(scratch.hidden_rows);
  group.gradient = scratch.gradient_rows;
  group.candidates = scratch.candidate_rows;
  const long stride = input.stride;
  const Tiles tiles = tiles_over(group.T, kTileCandidates);
  gather(group, batch, input, output, scratch);

  score(group, tiles, scratch.scores, stride);
  if (measured) measure_logistic(group, batch, scratch.scores, scratch.losses, sum);
  link_logistic(group, batch, settings.learning_rate, scratch.scores);

  // Listing the rows to fetch fills the time that the update waits for the link's last result.
  want_group(fetcher, batch, g + kPrefetchGroups, input, output, update_steps(tiles, stride));
  if (batch.rows_distinct) {
    update(group, tiles, scratch.scores, stride, true, group.hidden, fetcher);
    return;
  }
  if (!batch.own_offsets) {
    if (group.T == 0) return;
    update(group, tiles, scratch.scores, stride, false, scratch.zero_rows, fetcher);
  } else {
    float* own = scratch.own_coefficients;
    for (long b = 0; b < group.B; ++b) {
      const long h = hidden_of(batch, group.first + b);
      for (long d = 0; d < stride; d += kLanes) store_private(group.gradient[b] + d, Vec{});
      score_own(batch, h, group.hidden[b], output, settings.learning_rate, own, group.gradient[b], measured, sum);
      own += batch.own_offsets[h + 1] - batch.own_offsets[h];
    }
    update(group, tiles, scratch.scores, stride, false, group.gradient, fetcher);
    own = scratch.own_coefficients;
    for (long b = 0; b < group.B; ++b) {
      const long h = hidden_of(batch, group.first + b);
      update_own(batch, h, group.hidden[b], output, own);
      own += batch.own_offsets[h + 1] - batch.own_offsets[h];
    }
  }
  for (long b = 0; b < group.B; ++b) {
    const long h = hidden_of(batch, group.first + b);
    scatter(bag_of(batch, h), batch.backward_scale ? batch.backward_scale[h] : 1.0F, input, group.gradient[b]);
  }
}

static void train_logistic_sgd(const BatchArrays& batch, const GroupSettings& settings, TableView input,
                               TableView output, Scratch& scratch, LossSum& sum) {
  Fetcher fetcher;
  forget_rows(fetcher, input.stride);
  for (long g = 0; g < kPrefetchGroups; ++g) {
    want_group(fetcher, batch, g, input, output, 1);
    fetch_share(fetcher);
  }
  // The first group whose number in the chunk is a multiple of loss_every, and every loss_every-th after it.
  long next_measured = (settings.loss_every - settings.first_group % settings.loss_every) % settings.loss_every;
  for (long g = 0; g < batch.num_groups; ++g) {
    const bool measured = g == next_measured;
    if (measured) next_measured += settings.loss_every;
    train_group(batch, g, settings, input, output, scratch, fetcher, measured, sum);
  }
}

template <Vec (*function)(Vec)>
static void map_floats(const float* x, float* y, long n) {
  long i = 0;
  for (; i + kLanes <= n; i += kLanes) store_private(y + i, function(load_private(x + i)));
  if (i == n) return;
  Vec tail{};
  for (long j = i; j < n; ++j) tail[j - i] = x[j];
  tail = function(tail);
  for (long j = i; j < n; ++j) y[j] = tail[j - i];
}

static void sigmoid(const float* x, float* y, long n) { map_floats<sigmoid_of>(x, y, n); }
static void softplus(const float* x, float* y, long n) { map_floats<softplus_of>(x, y, n); }
