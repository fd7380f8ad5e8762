// The group kernel: encode bags, score candidates, link, update candidate rows, scatter to bag rows; the exact gradient
// of each group's loss, each row moved through the caches once per group. Included inside a namespace of each
// instruction set after optimizers.inl.hpp and links.inl.hpp.

// The first entry of bag h, and the end of bag h - 1.
HOGVEC_INLINE long bag_begin(const BatchArrays& batch, long h) { return batch.bag_offsets ? batch.bag_offsets[h] : h; }

// A bag of input rows: hidden = scale * sum of weight_e * row_e, and its gradient goes back to row_e times weight_e and
// a scale of its own.
struct Bag {
  float* const* rows;
  const float* weights;   // nullptr: 1
  long size;
};

HOGVEC_INLINE Bag bag_of(const BatchArrays& batch, const RowList& inputs, long h) {
  const long begin = bag_begin(batch, h);
  const long end = bag_begin(batch, h + 1);
  return {inputs.rows + begin, batch.bag_weights ? batch.bag_weights + begin : nullptr, end - begin};
}

constexpr long kSmallBag = 12;   // unweighted bags up to this size have loops without a branch to mispredict

template <int N>
HOGVEC_INLINE void encode_small(float* const* rows, float scale, long stride, float* hidden) {
  const float* at[N];
  HOGVEC_UNROLL
  for (int e = 0; e < N; ++e) at[e] = rows[e];
  const Vec factor = splat(scale);
  for (long d = 0; d < stride; d += kLanes) {
    Vec sum = load(at[0] + d);
    HOGVEC_UNROLL
    for (int e = 1; e < N; ++e) sum += load(at[e] + d);
    store_private(hidden + d, factor * sum);
  }
}

static void encode(const Bag& bag, float scale, long stride, float* hidden) {
  if (!bag.weights && bag.size <= kSmallBag) {
    with_size<kSmallBag>(bag.size, [&]<int N>() { encode_small<N>(bag.rows, scale, stride, hidden); });
    if (bag.size > 0) return;
  }
  for (long d = 0; d < stride; d += kLanes) {
    Vec sum{};
    for (long e = 0; e < bag.size; ++e) sum += (bag.weights ? bag.weights[e] : 1.0F) * load(bag.rows[e] + d);
    store_private(hidden + d, scale * sum);
  }
}

template <int N>
HOGVEC_INLINE void scatter_small(float* const* rows, float scale, long stride, const float* gradient) {
  float* at[N];
  HOGVEC_UNROLL
  for (int e = 0; e < N; ++e) at[e] = rows[e];
  const Vec factor = splat(scale);
  for (long d = 0; d < stride; d += kLanes) {
    const Vec step = factor * load_private(gradient + d);
    HOGVEC_UNROLL
    for (int e = 0; e < N; ++e) store(at[e] + d, load(at[e] + d) + step);
  }
}

static void scatter(const Bag& bag, float scale, long stride, const float* gradient) {
  if (!bag.weights && bag.size <= kSmallBag) {
    with_size<kSmallBag>(bag.size, [&]<int N>() { scatter_small<N>(bag.rows, scale, stride, gradient); });
    return;
  }
  for (long e = 0; e < bag.size; ++e) {
    float* const row = bag.rows[e];
    const Vec factor = splat(bag.weights ? scale * bag.weights[e] : scale);
    for (long d = 0; d < stride; d += kLanes) store(row + d, load(row + d) + factor * load_private(gradient + d));
  }
}

// With the logistic link, the candidates of one hidden vector alone: dH from the rows as they are. Their update is a
// later pass, so that a row that is also shared, or stands twice, receives every contribution.
static void score_own(const Training& training, long h, const float* hidden, float* coefficients, float* gradient,
                      bool measured, LossSum& sum) {
  const BatchArrays& batch = training.batch;
  const long stride = training.stride;
  const float weight = batch.weight ? batch.weight[h] : 1.0F;
  const long begin = batch.own_offsets[h];
  for (long t = begin; t < batch.own_offsets[h + 1]; ++t) {
    float* const row = row_of_table(training.output.values, batch.own_rows[t]);
    const float score = inner_product(hidden, row, stride) - (batch.own_log_q ? batch.own_log_q[t] : 0.0F);
    const Vec s = splat(score);
    const float label = batch.own_labels[t];
    if (measured) sum.loss += double{weight} * (double{softplus_of(s)[0]} - double{label} * double{score});
    const float g = training.coefficient_rate * weight * (label - sigmoid_of(s)[0]);
    coefficients[t - begin] = g;
    for (long d = 0; d < stride; d += kLanes)
      store_private(gradient + d, load_private(gradient + d) + g * load(row + d));
  }
}

// With the softmax link they were scored and linked with the shared ones: what they add to dH.
static void add_own(const Training& training, long h, const float* coefficients, float* gradient) {
  const BatchArrays& batch = training.batch;
  const long begin = batch.own_offsets[h];
  for (long t = begin; t < batch.own_offsets[h + 1]; ++t) {
    const float* const row = row_of_table(training.output.values, batch.own_rows[t]);
    for (long d = 0; d < training.stride; d += kLanes)
      store_private(gradient + d, load_private(gradient + d) + coefficients[t - begin] * load(row + d));
  }
}

// dH from zero, and what candidates of one's own add to it.
template <Link kLink>
static void begin_gradients(const Training& training, const Group& group, bool measured, LossSum& sum) {
  const BatchArrays& batch = training.batch;
  float* own = training.scratch.own_coefficients;
  for (long b = 0; b < group.B; ++b) {
    for (long d = 0; d < training.stride; d += kLanes) store_private(group.gradient[b] + d, Vec{});
    if (!batch.own_offsets) continue;
    const long h = hidden_of(batch, group.first + b);
    if constexpr (kLink == Link::kSoftmax) {
      add_own(training, h, own, group.gradient[b]);
    } else {
      score_own(training, h, group.hidden[b], own, group.gradient[b], measured, sum);
    }
    own += batch.own_offsets[h + 1] - batch.own_offsets[h];
  }
}

static void update_own(const Training& training, long h, const float* hidden, const float* coefficients) {
  const BatchArrays& batch = training.batch;
  const long begin = batch.own_offsets[h];
  for (long t = begin; t < batch.own_offsets[h + 1]; ++t) {
    float* const row = row_of_table(training.output.values, batch.own_rows[t]);
    for (long d = 0; d < training.stride; d += kLanes)
      store(row + d, load(row + d) + coefficients[t - begin] * load_private(hidden + d));
  }
}

// Lists the rows of group g to fetch in `steps` shares.
static void want_group(Fetcher& fetcher, const Training& training, long g, unsigned steps) {
  const BatchArrays& batch = training.batch;
  fetcher.count = fetcher.fetched = fetcher.share = 0;
  if (g >= batch.num_groups) return;
  const long mask = training.row_mask;   // rows that repeat were there just before
  want_rows(fetcher, training.outputs, batch.shared_offsets[g] & mask, batch.shared_offsets[g + 1] & mask);
  const long begin = batch.group_offsets[g];
  const long end = batch.group_offsets[g + 1];
  if (!batch.group_hidden) {   // bags that are named one by one are left to the processor
    want_rows(fetcher, training.inputs, bag_begin(batch, begin), bag_begin(batch, end));
  }
  fetcher.share = (static_cast<unsigned>(fetcher.count) + steps - 1) / steps;   // 32 bits: long division is slow
}

// The rows that are scored: input rows themselves, or what their bags are encoded to.
HOGVEC_INLINE float* const* hidden_rows(const Training& training, const Group& group) {
  const BatchArrays& batch = training.batch;
  if (batch.rows_distinct && !batch.group_hidden) return training.inputs.rows + group.first;
  float** const hidden = batch.rows_distinct ? training.scratch.named_rows : training.scratch.hidden_rows;
  for (long b = 0; b < group.B; ++b) {
    const long h = hidden_of(batch, group.first + b);
    if (batch.rows_distinct) {
      hidden[b] = training.inputs.rows[h];
    } else {
      const float scale = batch.forward_scale ? batch.forward_scale[h] : 1.0F;
      encode(bag_of(batch, training.inputs, h), scale, training.stride, hidden[b]);
    }
  }
  return hidden;
}

// The rest of a group after the link, for optimizers with state: all gradients first, then each row once.
template <Link kLink>
static void train_with_state(const Training& training, const Group& group, const Tiles& tiles, unsigned step,
                             Fetcher& fetcher, bool measured, LossSum& sum) {
  const BatchArrays& batch = training.batch;
  const Scratch& scratch = training.scratch;
  const GroupSettings& settings = training.settings;
  const long stride = training.stride;
  const RowId* const shared = batch.shared_rows + (group.shared & training.row_mask);
  begin_gradients<kLink>(training, group, measured, sum);
  if (settings.learning_rate == 0) return;   // it was to be measured
  gather_gradients(group, tiles, scratch.scores, stride, fetcher);

  // Outputs before inputs: own candidates need the hidden vectors, which may be input rows themselves.
  if (!batch.own_offsets) {   // shared rows are distinct
    for (long t = 0; t < group.T; ++t)
      apply(settings.optimizer, training.output, static_cast<long>(shared[t]), group.candidate_gradients[t],
            settings.learning_rate, step);
  } else {
    RowSums sums = {scratch.sum_ids, scratch.sum_rows, scratch.sum_cells, scratch.cells, stride, 0};
    for (long t = 0; t < group.T; ++t)
      add_gradient(sums, static_cast<unsigned>(shared[t]), 1, group.candidate_gradients[t]);
    const float* own = scratch.own_coefficients;
    for (long b = 0; b < group.B; ++b) {
      const long h = hidden_of(batch, group.first + b);
      for (long t = batch.own_offsets[h]; t < batch.own_offsets[h + 1]; ++t)
        add_gradient(sums, static_cast<unsigned>(batch.own_rows[t]), *own++, group.hidden[b]);
    }
    apply_sums(sums, settings.optimizer, training.output, settings.learning_rate, step);
  }
  if (batch.rows_distinct) {
    for (long b = 0; b < group.B; ++b) {
      const long row = static_cast<long>(batch.bag_rows[hidden_of(batch, group.first + b)]);
      apply(settings.optimizer, training.input, row, group.gradient[b], settings.learning_rate, step);
    }
    return;
  }
  RowSums sums = {scratch.sum_ids, scratch.sum_rows, scratch.sum_cells, scratch.cells, stride, 0};
  for (long b = 0; b < group.B; ++b) {
    const long h = hidden_of(batch, group.first + b);
    const float scale = batch.backward_scale ? batch.backward_scale[h] : 1.0F;
    for (long e = bag_begin(batch, h); e < bag_begin(batch, h + 1); ++e) {
      const float weight = batch.bag_weights ? batch.bag_weights[e] : 1.0F;
      add_gradient(sums, static_cast<unsigned>(batch.bag_rows[e]), scale * weight, group.gradient[b]);
    }
  }
  apply_sums(sums, settings.optimizer, training.input, settings.learning_rate, step);
}

// The exact gradient of one group's loss, in place of its rows. `measured`: its loss, before that, is added to the sum.
template <Link kLink>
static void train_group(const Training& training, long g, Fetcher& fetcher, bool measured, LossSum& sum) {
  const BatchArrays& batch = training.batch;
  const Scratch& scratch = training.scratch;
  const long stride = training.stride;
  Group group;
  group.first = batch.group_offsets[g];
  group.B = batch.group_offsets[g + 1] - group.first;
  group.shared = batch.shared_offsets[g];
  group.T = batch.shared_offsets[g + 1] - group.shared;
  group.columns = score_columns(group.T);
  group.hidden = hidden_rows(training, group);
  group.gradient = scratch.gradient_rows;
  group.candidates = training.outputs.rows + (group.shared & training.row_mask);
  group.candidate_gradients = scratch.candidate_gradient_rows;
  const Tiles tiles = tiles_over(group.T, kTileCandidates);

  score(group, tiles, scratch.scores, stride);
  if constexpr (kLink == Link::kSoftmax) {
    link_softmax(group, training, measured, sum);
  } else {
    if (batch.shared_log_q) subtract_log_q(group, batch, scratch.scores);
    if (batch.hit_offsets) clear_hits(group, batch, scratch.scores);
    if (measured) measure_logistic(group, batch, scratch.scores, scratch.losses, sum);
    link_logistic(group, training);
    if (batch.hit_offsets) clear_hits(group, batch, scratch.scores);
  }

  // Listing the rows to fetch fills the time that the update waits for the link's last result.
  want_group(fetcher, training, g + kPrefetchGroups, update_steps(tiles, stride));
  if (training.settings.optimizer.kind != OptimizerKind::kSgd) {
    train_with_state<kLink>(training, group, tiles, training.settings.first_step + static_cast<unsigned>(g) + 1,
                            fetcher, measured, sum);
    return;
  }
  if (batch.rows_distinct) {
    update(group, tiles, scratch.scores, stride, true, group.hidden, fetcher);
    return;
  }
  if (!batch.own_offsets) {
    if (group.T == 0) return;
    update(group, tiles, scratch.scores, stride, false, scratch.zero_rows, fetcher);
  } else {
    begin_gradients<kLink>(training, group, measured, sum);
    update(group, tiles, scratch.scores, stride, false, group.gradient, fetcher);
    const float* own = scratch.own_coefficients;
    for (long b = 0; b < group.B; ++b) {
      const long h = hidden_of(batch, group.first + b);
      update_own(training, h, group.hidden[b], own);
      own += batch.own_offsets[h + 1] - batch.own_offsets[h];
    }
  }
  for (long b = 0; b < group.B; ++b) {
    const long h = hidden_of(batch, group.first + b);
    const float scale = batch.backward_scale ? batch.backward_scale[h] : 1.0F;
    scatter(bag_of(batch, training.inputs, h), scale, stride, group.gradient[b]);
  }
}

template <Link kLink>
static void train(const BatchArrays& batch, const GroupSettings& settings, const TrainedTable& input,
                  const TrainedTable& output, Scratch& scratch, LossSum& sum) {
  const bool sgd = settings.optimizer.kind == OptimizerKind::kSgd;
  const Training training = {batch,
                             settings,
                             sgd ? settings.learning_rate : 1.0F,
                             input.values.stride,
                             batch.rows_repeat ? 0L : -1L,
                             {scratch.input_rows, scratch.wanted_inputs, scratch.inputs_before},
                             {scratch.output_rows, scratch.wanted_outputs, scratch.outputs_before},
                             input,
                             output,
                             scratch};
  list_rows<false>(training.inputs, input.values, {}, batch.bag_rows, batch.num_bag_rows);
  if (settings.replicas.count > 0) {
    list_rows<true>(training.outputs, output.values, settings.replicas, batch.shared_rows, batch.num_shared_rows);
  } else {
    list_rows<false>(training.outputs, output.values, {}, batch.shared_rows, batch.num_shared_rows);
  }
  if (batch.weight) {
    long weighted = 0;
    for (long h = 0; h < batch.num_hidden; ++h) {
      scratch.weighted_before[h] = weighted;
      weighted += batch.weight[h] != 1.0F;
    }
    scratch.weighted_before[batch.num_hidden] = weighted;
  }
  Fetcher fetcher;
  fetcher.stride = training.stride;
  for (long g = 0; g < kPrefetchGroups; ++g) {
    want_group(fetcher, training, g, 1);
    fetch_share(fetcher);
  }
  // The first example whose number in the chunk is a multiple of loss_every, and every loss_every-th after it.
  const long every = settings.loss_every;
  const long each = kLink == Link::kLogistic ? 1 : settings.groups_each;
  long next_measured = (every - settings.first_group / each % every) % every;
  for (long example = 0, g = 0; g < batch.num_groups; ++example) {
    const bool measured = example == next_measured;
    if (measured) next_measured += every;
    for (const long first = g; g < first + each; ++g) {
      const double weight = sum.weight;
      train_group<kLink>(training, g, fetcher, measured, sum);
      if (g > first) sum.weight = weight;   // hidden vectors count once
    }
  }
}

static void merge_row(float* row, float* copy, float* before, float share, long stride) {
  for (long d = 0; d < stride; d += kLanes) {
    const Vec merged = load(row + d) + share * (load_private(copy + d) - load_private(before + d));
    store(row + d, merged);
    store_private(copy + d, merged);
    store_private(before + d, merged);
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
