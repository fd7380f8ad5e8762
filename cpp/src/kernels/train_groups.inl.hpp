// The group kernel: encode bags, score candidates, link, update candidate rows, scatter to bag rows; the exact gradient
// of each group's loss, each row moved through the caches once per group. Included inside a namespace of each
// instruction set after vector.inl.hpp. Shapes: B hidden vectors, T shared candidates, rows of `stride` floats.

#ifdef __clang__
#define HOGVEC_UNROLL _Pragma("clang loop unroll(full)")
#else
#define HOGVEC_UNROLL _Pragma("GCC unroll 16")
#endif

constexpr int kTileCandidates = 6;                            // candidate rows of a tile, held in registers
constexpr int kTileHidden = HOGVEC_REGISTERS == 32 ? 4 : 2;   // hidden rows of a scoring tile
constexpr int kTileSlices = HOGVEC_REGISTERS == 32 ? 2 : 1;   // registers per row in an updating tile
constexpr int kPrefetchGroups = 2;                            // rows are fetched this many groups ahead

HOGVEC_INLINE float* row_of_table(const TableView& table, RowId id) {
  return table.data + static_cast<long>(id) * table.stride;
}
HOGVEC_INLINE long hidden_of(const BatchArrays& batch, long i) {
  return batch.group_hidden ? batch.group_hidden[i] : i;
}

// Fetches the rows of a coming group a few cache lines at a time between the tiles of this one, so that memory works
// while the arithmetic does: a burst of prefetches would wait for the processor's few line buffers. Rows asked for
// lately are not asked for again. Its functions are inlined by force: one that only prefetches counts as pure, and
// compilers drop calls to it.
struct Fetcher {
  static constexpr long kMostRows = 64;   // of one group; any more are left to the processor
  static constexpr long kRemembered = 64;
  const float* rows[kMostRows];
  unsigned recent_input[kRemembered], recent_output[kRemembered];
  long count, row, line, lines;   // rows wanted; the next line to ask for; lines of a row
};

HOGVEC_INLINE void forget_rows(Fetcher& fetcher, long stride) {
  for (long i = 0; i < Fetcher::kRemembered; ++i) fetcher.recent_input[i] = fetcher.recent_output[i] = ~0U;
  fetcher.count = fetcher.row = fetcher.line = 0;
  fetcher.lines = stride / 16;
}

HOGVEC_INLINE void want_row(Fetcher& fetcher, unsigned* recent, const TableView& table, RowId id) {
  const unsigned number = static_cast<unsigned>(id);
  unsigned& remembered = recent[number % Fetcher::kRemembered];
  if (remembered == number || fetcher.count == Fetcher::kMostRows) return;
  remembered = number;
  fetcher.rows[fetcher.count++] = row_of_table(table, id);
}

HOGVEC_INLINE void fetch_lines(Fetcher& fetcher, long n) {
  for (; n > 0 && fetcher.row < fetcher.count; --n) {
    __builtin_prefetch(fetcher.rows[fetcher.row] + fetcher.line * 16, 1, 3);
    if (++fetcher.line == fetcher.lines) {
      fetcher.line = 0;
      ++fetcher.row;
    }
  }
}

static void want_group(Fetcher& fetcher, const BatchArrays& batch, long g, const TableView& input,
                       const TableView& output) {
  fetcher.count = fetcher.row = fetcher.line = 0;
  if (g >= batch.num_groups) return;
  for (long t = batch.shared_offsets[g]; t < batch.shared_offsets[g + 1]; ++t)
    want_row(fetcher, fetcher.recent_output, output, batch.shared_rows[t]);
  for (long i = batch.group_offsets[g]; i < batch.group_offsets[g + 1]; ++i) {
    const long h = hidden_of(batch, i);
    const long begin = batch.bag_offsets ? batch.bag_offsets[h] : h;
    const long end = batch.bag_offsets ? batch.bag_offsets[h + 1] : h + 1;
    for (long e = begin; e < end; ++e) want_row(fetcher, fetcher.recent_input, input, batch.bag_rows[e]);
  }
}

struct Group {
  long B = 0, T = 0;      // hidden vectors, shared candidates
  long first = 0;         // first entry of group_hidden
  long shared = 0;        // first shared candidate in the batch
  long columns = 0;       // floats between rows of scores: T padded
  const float** hidden;   // (B,) rows scored
  float** gradient;       // (B,) rows that dH is added to; unused when the hidden rows are updated in place
  float** candidates;     // (T,)
  Fetcher* fetcher;       // of the rows of a coming group
  long fetch_step;        // lines to ask for between two tiles
};

// `n` things in tiles of at most `most`, as equal as can be.
struct Tiles {
  long count, base, longer;
};
HOGVEC_INLINE Tiles tiles_over(long n, long most) {
  if (n <= most) return {n > 0, n, 0};
  const unsigned things = static_cast<unsigned>(n);
  const unsigned count = (things + static_cast<unsigned>(most) - 1) / static_cast<unsigned>(most);
  return {count, things / count, things % count};
}
HOGVEC_INLINE long tile_size(const Tiles& tiles, long i) { return tiles.base + (i < tiles.longer); }

// Sums over lanes of T registers, T <= 8, into lanes t (two rows at once when a register holds 16 floats: see below).
template <int T>
HOGVEC_INLINE Vec sum_lanes(const Vec* u) {
#if HOGVEC_LANES >= 8
  Vec v[4];
  HOGVEC_UNROLL
  for (int j = 0; j < 4 && j < T; ++j) v[j] = fold_4(u[j], j + 4 < T ? u[j + 4] : u[j]);
#else
  const Vec* v = u;
#endif
  const Vec even = fold_2(v[0], T > 2 ? v[2] : v[0]);
  if constexpr (T == 1) return fold_1(even, even);
  const Vec odd = fold_2(v[T > 1 ? 1 : 0], T > 3 ? v[3] : v[T > 1 ? 1 : 0]);
  return fold_1(even, odd);
}

// sum[r][t] += hidden[r] * candidates[t], one register of each from float d on.
template <int R, int T, class Hidden, class Candidates>
HOGVEC_INLINE void accumulate(Vec (&sum)[R][T], Hidden hidden, Candidates candidates, long d) {
  Vec w[T];
  HOGVEC_UNROLL
  for (int t = 0; t < T; ++t) w[t] = load(candidates[t] + d);
  HOGVEC_UNROLL
  for (int r = 0; r < R; ++r) {
    const Vec h = load(hidden[r] + d);
    HOGVEC_UNROLL
    for (int t = 0; t < T; ++t) sum[r][t] += h * w[t];
  }
}

// scores[r * columns + t] = <hidden[r], candidates[t]> for an R x T tile; writes 8 floats a row (4 when T <= 4).
template <int R, int T>
static void score_tile(const float* const* hidden, float* const* candidates, long stride, float* scores, long columns) {
  Vec sum[R][T] = {};
  const float* w_at[T];
  const float* h_at[R];
  HOGVEC_UNROLL
  for (int t = 0; t < T; ++t) w_at[t] = candidates[t];
  HOGVEC_UNROLL
  for (int r = 0; r < R; ++r) h_at[r] = hidden[r];
  for (long d = 0; d < stride; d += kLanes) accumulate<R, T>(sum, h_at, w_at, d);
#if HOGVEC_LANES == 16
  HOGVEC_UNROLL
  for (int r = 0; r < R; r += 2) {
    constexpr int last = R - 1;
    const int s = r + 1 <= last ? r + 1 : r;
    Vec pair[T];
    HOGVEC_UNROLL
    for (int t = 0; t < T; ++t) pair[t] = fold_8(sum[r][t], sum[s][t]);
    const Vec both = sum_lanes<T>(pair);
    using Half = float __attribute__((vector_size(32)));
    using UnalignedHalf = float __attribute__((vector_size(32), aligned(4), may_alias));
    if constexpr (T > 4) {
      const Half low = __builtin_shufflevector(both, both, 0, 1, 2, 3, 4, 5, 6, 7);
      *reinterpret_cast<UnalignedHalf*>(scores + r * columns) = low;
      if (s != r) {
        const Half high = __builtin_shufflevector(both, both, 8, 9, 10, 11, 12, 13, 14, 15);
        *reinterpret_cast<UnalignedHalf*>(scores + s * columns) = high;
      }
    } else {
      const Quad low = __builtin_shufflevector(both, both, 0, 1, 2, 3);
      *reinterpret_cast<UnalignedQuad*>(scores + r * columns) = low;
      if (s != r) {
        const Quad high = __builtin_shufflevector(both, both, 8, 9, 10, 11);
        *reinterpret_cast<UnalignedQuad*>(scores + s * columns) = high;
      }
    }
  }
#elif HOGVEC_LANES == 8
  HOGVEC_UNROLL
  for (int r = 0; r < R; ++r) {
    const Vec all = sum_lanes<T>(sum[r]);
    if constexpr (T > 4) {
      store_private(scores + r * columns, all);
    } else {
      const Quad low = __builtin_shufflevector(all, all, 0, 1, 2, 3);
      *reinterpret_cast<UnalignedQuad*>(scores + r * columns) = low;
    }
  }
#else
  HOGVEC_UNROLL
  for (int r = 0; r < R; ++r) {
    constexpr int low = T > 4 ? 4 : T;
    store_private(scores + r * columns, sum_lanes<low>(sum[r]));
    if constexpr (T > 4) store_private(scores + r * columns + 4, sum_lanes<T - 4>(sum[r] + 4));
  }
#endif
}

// Where an update leaves dH of hidden vector b.
enum class Gradient {
  kInPlace,   // hidden[b] becomes hidden[b] + dH: one tile of candidates does it all
  kSet,       // gradient[b] becomes the tile's part
  kAdd,       // gradient[b] receives the tile's part
  kFinish     // hidden[b] becomes hidden[b] + gradient[b] + the tile's part
};

// For N registers of every row, from float d on: candidates[t] += sum_b G[b, t] hidden[b] and
// gradient[b] += sum_t G[b, t] candidates[t], with the candidates as they were before.
template <int T, int N, Gradient kMode>
HOGVEC_INLINE void update_tile(const Group& group, float* const* candidates, const float* coefficients, long d) {
  // Copies: what is stored below might, for all the compiler knows, be the group itself.
  const long B = group.B;
  const long columns = group.columns;
  const float* const* const hidden = group.hidden;
  float* const* const gradient = group.gradient;
  float* at[T];
  Vec old[T][N], row[T][N];
  HOGVEC_UNROLL
  for (int t = 0; t < T; ++t) {
    at[t] = candidates[t] + d;
    HOGVEC_UNROLL
    for (int n = 0; n < N; ++n) row[t][n] = old[t][n] = load(at[t] + n * kLanes);
  }
  for (long b = 0; b < B; ++b, coefficients += columns) {
    const float* from = hidden[b] + d;
    const bool to_hidden = kMode == Gradient::kInPlace || kMode == Gradient::kFinish;
    float* to = to_hidden ? const_cast<float*>(from) : gradient[b] + d;
    Vec h[N], sum[N];
    HOGVEC_UNROLL
    for (int n = 0; n < N; ++n) {
      h[n] = load(from + n * kLanes);
      if constexpr (kMode == Gradient::kInPlace) sum[n] = h[n];
      if constexpr (kMode == Gradient::kSet) sum[n] = Vec{};
      if constexpr (kMode == Gradient::kAdd) sum[n] = load(to + n * kLanes);
      if constexpr (kMode == Gradient::kFinish) sum[n] = h[n] + load(gradient[b] + d + n * kLanes);
    }
    HOGVEC_UNROLL
    for (int t = 0; t < T; ++t) {
      const Vec g = splat(coefficients[t]);
      HOGVEC_UNROLL
      for (int n = 0; n < N; ++n) {
        sum[n] += g * old[t][n];
        row[t][n] += g * h[n];
      }
    }
    HOGVEC_UNROLL
    for (int n = 0; n < N; ++n) store(to + n * kLanes, sum[n]);
  }
  HOGVEC_UNROLL
  for (int t = 0; t < T; ++t) {
    HOGVEC_UNROLL
    for (int n = 0; n < N; ++n) store(at[t] + n * kLanes, row[t][n]);
  }
}

template <int R>
static void score_candidates(const Group& group, long b, float* scores, long stride) {
  const Tiles tiles = tiles_over(group.T, kTileCandidates);
  long t = 0;
  for (long i = 0; i < tiles.count; ++i) {
    float* out = scores + b * group.columns + t;
    const float* const* h = group.hidden + b;
    float* const* w = group.candidates + t;
    switch (tile_size(tiles, i)) {
      case 1: score_tile<R, 1>(h, w, stride, out, group.columns); break;
      case 2: score_tile<R, 2>(h, w, stride, out, group.columns); break;
      case 3: score_tile<R, 3>(h, w, stride, out, group.columns); break;
      case 4: score_tile<R, 4>(h, w, stride, out, group.columns); break;
      case 5: score_tile<R, 5>(h, w, stride, out, group.columns); break;
      default: score_tile<R, 6>(h, w, stride, out, group.columns); break;
    }
    t += tile_size(tiles, i);
  }
}

// S = H W^T: (B, T) in rows of `columns`. Whole tiles first: sums over lanes come in pairs of rows.
static void score(const Group& group, float* scores, long stride) {
  long b = 0;
  for (; b + kTileHidden <= group.B; b += kTileHidden) score_candidates<kTileHidden>(group, b, scores, stride);
  switch (group.B - b) {
    case 1: score_candidates<1>(group, b, scores, stride); break;
#if HOGVEC_REGISTERS == 32
    case 2: score_candidates<2>(group, b, scores, stride); break;
    case 3: score_candidates<3>(group, b, scores, stride); break;
#endif
    default: break;
  }
}

// One sweep over the dimension for a tile of candidates.
template <int T, Gradient kMode>
static void update_candidates(const Group& group, long t0, const float* coefficients, long stride) {
  float* candidates[T];
  HOGVEC_UNROLL
  for (int t = 0; t < T; ++t) candidates[t] = group.candidates[t0 + t];
  coefficients += t0;
  long d = 0;
  for (; d + kTileSlices * kLanes <= stride; d += kTileSlices * kLanes) {
    update_tile<T, kTileSlices, kMode>(group, candidates, coefficients, d);
    fetch_lines(*group.fetcher, group.fetch_step);
  }
  if constexpr (kTileSlices > 1) {
    if (d < stride) update_tile<T, 1, kMode>(group, candidates, coefficients, d);
  }
}

template <Gradient kMode>
static void update_tile_of(const Group& group, long t, long size, const float* coefficients, long stride) {
  switch (size) {
    case 1: update_candidates<1, kMode>(group, t, coefficients, stride); break;
    case 2: update_candidates<2, kMode>(group, t, coefficients, stride); break;
    case 3: update_candidates<3, kMode>(group, t, coefficients, stride); break;
    case 4: update_candidates<4, kMode>(group, t, coefficients, stride); break;
    case 5: update_candidates<5, kMode>(group, t, coefficients, stride); break;
    default: update_candidates<6, kMode>(group, t, coefficients, stride); break;
  }
}

// Every candidate row is loaded and stored once. dH goes to the hidden rows themselves, or to the gradient rows, which
// hold a part of it already when `add`.
static void update(const Group& group, const float* coefficients, long stride, bool in_place, bool add) {
  const Tiles tiles = tiles_over(group.T, kTileCandidates);
  if (in_place && tiles.count == 1) {
    update_tile_of<Gradient::kInPlace>(group, 0, group.T, coefficients, stride);
    return;
  }
  long t = 0;
  for (long i = 0; i < tiles.count; ++i) {
    const long size = tile_size(tiles, i);
    if (in_place && i == tiles.count - 1) {
      update_tile_of<Gradient::kFinish>(group, t, size, coefficients, stride);
    } else if (i == 0 && !add) {
      update_tile_of<Gradient::kSet>(group, t, size, coefficients, stride);
    } else {
      update_tile_of<Gradient::kAdd>(group, t, size, coefficients, stride);
    }
    t += size;
  }
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

// Floats between rows of scores: what tiles write (8 a row, 4 when they are narrow), made 8 or a multiple of 16.
HOGVEC_INLINE long score_columns(long T) {
  const Tiles tiles = tiles_over(T, kTileCandidates);
  if (tiles.count == 0) return 0;
  const long last = tile_size(tiles, tiles.count - 1);
  const long written = T - last + (last > 4 ? 8 : 4);
  return written <= 8 ? 8 : (written + 15) / 16 * 16;
}

// Where the group's rows are: candidates, hidden vectors (encoded first, unless they are rows themselves), gradients.
static void gather(const Group& group, const BatchArrays& batch, const TableView& input, const TableView& output,
                   const Scratch& scratch) {
  const float** const hidden = group.hidden;
  float** const candidates = group.candidates;
  const RowId* const rows = batch.shared_rows + group.shared;
  for (long t = 0; t < group.T; ++t) candidates[t] = row_of_table(output, rows[t]);
  for (long b = 0; b < group.B; ++b) group.gradient[b] = scratch.hidden_gradient + b * input.stride;
  for (long b = 0; b < group.B; ++b) {
    const long h = hidden_of(batch, group.first + b);
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
  gather(group, batch, input, output, scratch);

  score(group, scratch.scores, stride);
  if (measured) measure_logistic(group, batch, scratch.scores, scratch.losses, sum);
  link_logistic(group, batch, settings.learning_rate, scratch.scores);

  // The rows of the group after the next, asked for between the tiles of this one. Listing them here fills the time
  // that the update waits for the link's last result.
  want_group(fetcher, batch, g + kPrefetchGroups, input, output);
  group.fetcher = &fetcher;
  const unsigned tiles = static_cast<unsigned>(group.T + kTileCandidates - 1) / kTileCandidates;
  const unsigned steps = tiles * (static_cast<unsigned>(stride) / (kTileSlices * kLanes));
  const unsigned lines = static_cast<unsigned>(fetcher.count * fetcher.lines);
  group.fetch_step = steps > 0 ? (lines + steps - 1) / steps : 0;   // 32 bits: long division is slow

  float* own = scratch.own_coefficients;
  const bool add = batch.own_offsets || group.T == 0;   // to gradients that start at zero
  for (long b = 0; add && b < group.B; ++b) {
    for (long d = 0; d < stride; d += kLanes) store_private(group.gradient[b] + d, Vec{});
    if (!batch.own_offsets) continue;
    const long h = hidden_of(batch, group.first + b);
    score_own(batch, h, group.hidden[b], output, settings.learning_rate, own, group.gradient[b], measured, sum);
    own += batch.own_offsets[h + 1] - batch.own_offsets[h];
  }
  update(group, scratch.scores, stride, batch.rows_distinct, add);
  fetch_lines(fetcher, fetcher.count * fetcher.lines);
  own = scratch.own_coefficients;
  for (long b = 0; batch.own_offsets && b < group.B; ++b) {
    const long h = hidden_of(batch, group.first + b);
    update_own(batch, h, group.hidden[b], output, own);
    own += batch.own_offsets[h + 1] - batch.own_offsets[h];
  }
  for (long b = 0; !batch.rows_distinct && b < group.B; ++b) {
    const long h = hidden_of(batch, group.first + b);
    scatter(bag_of(batch, h), batch.backward_scale ? batch.backward_scale[h] : 1.0F, input, group.gradient[b]);
  }
}

static void train_logistic_sgd(const BatchArrays& batch, const GroupSettings& settings, TableView input,
                               TableView output, Scratch& scratch, LossSum& sum) {
  Fetcher fetcher;
  forget_rows(fetcher, input.stride);
  for (long g = 0; g < kPrefetchGroups; ++g) {
    want_group(fetcher, batch, g, input, output);
    fetch_lines(fetcher, fetcher.count * fetcher.lines);
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
