// The products of many hidden vectors and many candidates in tiles that fill the registers, their operands packed so
// that every load is one of a whole register or of one float for all lanes; and the links on what comes out. Included
// inside a namespace of each instruction set after links.inl.hpp. All memory is the caller's alone.

constexpr int kTileRows = HOGVEC_REGISTERS == 32 ? 14 : 6;   // by two registers: as many sums as there is room for
constexpr int kColumnTile = 8;                               // of the 32 columns of a panel

// Calls function.operator()<N>(first) for tiles of `most`, 8, 4, 2 and 1 that cover [0, count).
template <int kMost, class Function>
HOGVEC_INLINE void in_tiles(long count, Function function) {
  long i = 0;
  for (; i + kMost <= count; i += kMost) function.template operator()<kMost>(i);
  if constexpr (kMost > 8) {
    if (i + 8 <= count) {
      function.template operator()<8>(i);
      i += 8;
    }
  }
  if (i + 4 <= count) {
    function.template operator()<4>(i);
    i += 4;
  }
  if (i + 2 <= count) {
    function.template operator()<2>(i);
    i += 2;
  }
  if (i < count) function.template operator()<1>(i);
}

// sum[r][n] += sum over k of a[k * kStepA + r * kRowA] * b[k * step_b + n * kLanes ...].
template <int R, int N, int kStepA, int kRowA>
HOGVEC_INLINE void multiply(Vec (&sum)[R][N], const float* a, const float* b, long step_b, long steps) {
  for (long k = 0; k < steps; ++k, a += kStepA, b += step_b) {
    Vec row[N];
    HOGVEC_UNROLL
    for (int n = 0; n < N; ++n) row[n] = load_private(b + n * kLanes);
    HOGVEC_UNROLL
    for (int r = 0; r < R; ++r) {
      const Vec factor = splat(a[r * kRowA]);
      HOGVEC_UNROLL
      for (int n = 0; n < N; ++n) sum[r][n] += factor * row[n];
    }
  }
}

template <int R, int N>
HOGVEC_INLINE void load_tile(Vec (&sum)[R][N], const float* from, long stride) {
  HOGVEC_UNROLL
  for (int r = 0; r < R; ++r) {
    HOGVEC_UNROLL
    for (int n = 0; n < N; ++n) sum[r][n] = load_private(from + r * stride + n * kLanes);
  }
}

template <int R, int N>
HOGVEC_INLINE void store_tile(const Vec (&sum)[R][N], float* to, long stride) {
  HOGVEC_UNROLL
  for (int r = 0; r < R; ++r) {
    HOGVEC_UNROLL
    for (int n = 0; n < N; ++n) store_private(to + r * stride + n * kLanes, sum[r][n]);
  }
}

HOGVEC_INLINE Quad load_quad(const float* p) { return *reinterpret_cast<const UnalignedQuad*>(p); }
HOGVEC_INLINE void store_quad(float* p, Quad v) { *reinterpret_cast<UnalignedQuad*>(p) = v; }

static void pack_panel(const float* rows, long stride, long dim, float* panel) {
  for (long t = 0; t < kPanel; t += 4) {
    const float* const row = rows + t * stride;
    for (long d = 0; d < dim; d += 4) {   // rows are padded: the last block may be read, not written, in full
      const Quad a = load_quad(row + d);
      const Quad b = load_quad(row + stride + d);
      const Quad c = load_quad(row + 2 * stride + d);
      const Quad e = load_quad(row + 3 * stride + d);
      const Quad ab_low = __builtin_shufflevector(a, b, 0, 4, 1, 5);
      const Quad ab_high = __builtin_shufflevector(a, b, 2, 6, 3, 7);
      const Quad ce_low = __builtin_shufflevector(c, e, 0, 4, 1, 5);
      const Quad ce_high = __builtin_shufflevector(c, e, 2, 6, 3, 7);
      float* const column = panel + d * kPanel + t;
      store_quad(column, __builtin_shufflevector(ab_low, ce_low, 0, 1, 4, 5));
      if (d + 1 < dim) store_quad(column + kPanel, __builtin_shufflevector(ab_low, ce_low, 2, 3, 6, 7));
      if (d + 2 < dim) store_quad(column + 2 * kPanel, __builtin_shufflevector(ab_high, ce_high, 0, 1, 4, 5));
      if (d + 3 < dim) store_quad(column + 3 * kPanel, __builtin_shufflevector(ab_high, ce_high, 2, 3, 6, 7));
    }
  }
}

static void pack_hidden(const float* hidden, long count, long stride, long dim, float* packed) {
  in_tiles<kTileRows>(count, [&]<int R>(long first) {
    float* const tile = packed + first * dim;
    for (int r = 0; r < R; ++r) {
      const float* const row = hidden + (first + r) * stride;
      for (long d = 0; d < dim; ++d) tile[d * R + r] = row[d];
    }
  });
}

static void score_panel(const float* packed_hidden, long count, long dim, const float* panel, const float* offsets,
                        float* scores) {
  constexpr int N = 2;
  in_tiles<kTileRows>(count, [&]<int R>(long first) {
    for (long t = 0; t < kPanel; t += N * kLanes) {
      Vec sum[R][N];
      load_tile(sum, offsets + t, 0);
      multiply<R, N, R, 1>(sum, packed_hidden + first * dim, panel + t, kPanel, dim);
      store_tile(sum, scores + first * kPanel + t, kPanel);
    }
  });
}

HOGVEC_INLINE Vec larger(Vec a, Vec b) { return choose(a > b, a, b); }

HOGVEC_INLINE float largest_lane(Vec v) {
#if HOGVEC_LANES == 16
  v = larger(v, __builtin_shufflevector(v, v, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7));
  v = larger(v, __builtin_shufflevector(v, v, 4, 5, 6, 7, 0, 1, 2, 3, 12, 13, 14, 15, 8, 9, 10, 11));
  v = larger(v, __builtin_shufflevector(v, v, 2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13));
  v = larger(v, __builtin_shufflevector(v, v, 1, 0, 3, 2, 5, 4, 7, 6, 9, 8, 11, 10, 13, 12, 15, 14));
#elif HOGVEC_LANES == 8
  v = larger(v, __builtin_shufflevector(v, v, 4, 5, 6, 7, 0, 1, 2, 3));
  v = larger(v, __builtin_shufflevector(v, v, 2, 3, 0, 1, 6, 7, 4, 5));
  v = larger(v, __builtin_shufflevector(v, v, 1, 0, 3, 2, 5, 4, 7, 6));
#else
  v = larger(v, __builtin_shufflevector(v, v, 2, 3, 0, 1));
  v = larger(v, __builtin_shufflevector(v, v, 1, 0, 3, 2));
#endif
  return v[0];
}

static void exponentiate_panel(float* scores, long count, float* largest, float* sum, float* reference) {
  for (long b = 0; b < count; ++b, scores += kPanel, sum += kLanes) {
    Vec most = load_private(scores);
    for (long t = kLanes; t < kPanel; t += kLanes) most = larger(most, load_private(scores + t));
    Vec total = load_private(sum);
    const float now = largest_lane(most);
    if (now > largest[b]) {   // seldom, but in the first panels
      total *= mass_of(splat(largest[b] - now));
      largest[b] = now;
    }
    reference[b] = largest[b];
    for (long t = 0; t < kPanel; t += kLanes) {
      const Vec score = load_private(scores + t);
      const auto masked = score < kLeastScore;
      const Vec mass = mass_of(score - largest[b]);
      total += choose(masked, Vec{}, mass);
      store_private(scores + t, choose(masked, splat(kMaskedMass), mass));
    }
    store_private(sum, total);
  }
}

static void softmax_panel(const float* masses, long count, const float* weights, const float* scale, const float* floor,
                          float* coefficients, float* column_sums) {
  for (long t = 0; t < kPanel; t += kLanes) {
    const Vec weight = load_private(weights + t);
    Vec total = load_private(column_sums + t);
    for (long b = 0; b < count; ++b) {
      const Vec mass = load_private(masses + b * kPanel + t);
      const Vec g = choose(mass < 0.0F, Vec{}, floor[b] * weight - scale[b] * mass);
      store_private(coefficients + b * kPanel + t, g);
      total += g;
    }
    store_private(column_sums + t, total);
  }
}

static void exponential(const float* x, float* y, long n) { map_floats<mass_of>(x, y, n); }

static void logistic_panel(const float* scores, long count, const float* weights, const float* scale,
                           float* coefficients, float* column_sums, float* losses) {
  for (long t = 0; t < kPanel; t += kLanes) {
    const Vec weight = load_private(weights + t);
    Vec total = load_private(column_sums + t);
    for (long b = 0; b < count; ++b) {
      const Vec score = load_private(scores + b * kPanel + t);
      const auto masked = score < kLeastScore;
      const Vec g = choose(masked, Vec{}, -scale[b] * (weight * sigmoid_of(score)));
      const Vec loss = choose(masked, Vec{}, weight * softplus_of(score));
      store_private(losses + b * kLanes, load_private(losses + b * kLanes) + loss);
      store_private(coefficients + b * kPanel + t, g);
      total += g;
    }
    store_private(column_sums + t, total);
  }
}

// Columns [d, d + N registers) of the hidden gradients.
template <int N>
HOGVEC_INLINE void add_hidden_columns(const float* coefficients, long panels, long panel_stride, long count,
                                      const float* rows, long stride, float* gradient) {
  in_tiles<kTileRows>(count, [&]<int R>(long first) {
    Vec sum[R][N];
    load_tile(sum, gradient + first * stride, stride);
    for (long p = 0; p < panels; ++p) {
      multiply<R, N, 1, kPanel>(sum, coefficients + p * panel_stride + first * kPanel, rows + p * kPanel * stride,
                                stride, kPanel);
    }
    store_tile(sum, gradient + first * stride, stride);
  });
}

static void add_hidden_gradient(const float* coefficients, long panels, long panel_stride, long count,
                                const float* rows, long stride, float* gradient) {
  long d = 0;
  for (; d + 2 * kLanes <= stride; d += 2 * kLanes)
    add_hidden_columns<2>(coefficients, panels, panel_stride, count, rows + d, stride, gradient + d);
  if (d < stride) add_hidden_columns<1>(coefficients, panels, panel_stride, count, rows + d, stride, gradient + d);
}

template <int N>
HOGVEC_INLINE void add_row_columns(const float* coefficients, long count, const float* hidden, long stride,
                                   float* gradient) {
  in_tiles<kColumnTile>(kPanel, [&]<int R>(long first) {
    Vec sum[R][N];
    load_tile(sum, gradient + first * stride, stride);
    multiply<R, N, kPanel, 1>(sum, coefficients + first, hidden, stride, count);
    store_tile(sum, gradient + first * stride, stride);
  });
}

static void add_row_gradient(const float* coefficients, long count, const float* hidden, long stride, float* gradient) {
  long d = 0;
  for (; d + 2 * kLanes <= stride; d += 2 * kLanes)
    add_row_columns<2>(coefficients, count, hidden + d, stride, gradient + d);
  if (d < stride) add_row_columns<1>(coefficients, count, hidden + d, stride, gradient + d);
}

constexpr BlockKernels kBlockKernels = {
    kLanes,         pack_panel,          pack_hidden,      score_panel, exponentiate_panel, softmax_panel, exponential,
    logistic_panel, add_hidden_gradient, add_row_gradient, apply};
