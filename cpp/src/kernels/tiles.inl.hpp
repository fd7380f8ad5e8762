// The two products of a group in tiles that fit into registers: scores of hidden vectors against candidates, and the
// update of both. Included inside a namespace of each instruction set after vector.inl.hpp and fetch.inl.hpp.
// Shapes: B hidden vectors, T shared candidates, rows of `stride` floats.

#ifdef __clang__
#define HOGVEC_UNROLL _Pragma("clang loop unroll(full)")
#else
#define HOGVEC_UNROLL _Pragma("GCC unroll 16")
#endif

constexpr int kTileCandidates = HOGVEC_REGISTERS == 32 ? 14 : 6;   // candidate rows of a tile
// Hidden rows of a scoring tile, and registers of every row in an updating tile: as many as registers allow.
constexpr int tile_hidden(int candidates) { return HOGVEC_REGISTERS == 32 && candidates <= 6 ? 4 : 2; }
constexpr int tile_slices(int candidates) { return HOGVEC_REGISTERS == 32 && candidates <= 6 ? 2 : 1; }

struct Group {
  long B = 0, T = 0;                   // hidden vectors, shared candidates
  long first = 0;                      // first entry of group_hidden
  long shared = 0;                     // first shared candidate in the batch
  long columns = 0;                    // floats between rows of scores: T padded
  float* const* hidden;                // (B,) rows scored
  float* const* gradient;              // (B,) rows where dH gathers, unless one tile updates the hidden rows in place
  float* const* candidates;            // (T,)
  float* const* candidate_gradients;   // (T,) rows where dW gathers for an optimizer
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

// Calls function.operator()<N>() for the N of 1 .. kMost that `size` is.
template <int kMost, class Function>
HOGVEC_INLINE void with_size(long size, Function function) {
  switch (size) {
#define HOGVEC_CASE(N)                                           \
  case N:                                                        \
    if constexpr (N <= kMost) function.template operator()<N>(); \
    break;
    HOGVEC_CASE(1)
    HOGVEC_CASE(2)
    HOGVEC_CASE(3)
    HOGVEC_CASE(4)
    HOGVEC_CASE(5)
    HOGVEC_CASE(6)
    HOGVEC_CASE(7)
    HOGVEC_CASE(8)
    HOGVEC_CASE(9)
    HOGVEC_CASE(10)
    HOGVEC_CASE(11)
    HOGVEC_CASE(12)
    HOGVEC_CASE(13)
    HOGVEC_CASE(14)
#undef HOGVEC_CASE
    default: break;
  }
}

// Floats between rows of scores. Tiles write 8 scores of a hidden vector, 16 when they hold more than 8 candidates.
HOGVEC_INLINE long score_columns(long T) {
  const Tiles tiles = tiles_over(T, kTileCandidates);
  if (tiles.count == 0) return 0;
  const long last = tile_size(tiles, tiles.count - 1);
  const long written = T - last + (last > 8 ? 16 : 8);
  return written <= 8 ? 8 : (written + 15) / 16 * 16;
}

// Sums over lanes of T <= 8 registers (T <= 4 when a register holds 4 floats) into lanes t; where a register holds 16
// floats, of its two halves apart, into lanes t and 8 + t.
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
template <int R, int T>
HOGVEC_INLINE void accumulate(Vec (&sum)[R][T], const float* const (&hidden)[R], const float* const (&candidates)[T],
                              long d) {
  Vec h[R];
  HOGVEC_UNROLL
  for (int r = 0; r < R; ++r) h[r] = load(hidden[r] + d);
  HOGVEC_UNROLL
  for (int t = 0; t < T; ++t) {
    const Vec w = load(candidates[t] + d);
    HOGVEC_UNROLL
    for (int r = 0; r < R; ++r) sum[r][t] += h[r] * w;
  }
}

// Sums over lanes of R x T registers, into rows of `columns` floats.
template <int R, int T>
HOGVEC_INLINE void store_sums(const Vec (&sum)[R][T], float* scores, long columns) {
#if HOGVEC_LANES == 16
  if constexpr (T > 8) {   // a register of scores for each row
    HOGVEC_UNROLL
    for (int r = 0; r < R; ++r) {
      Vec pair[8];
      HOGVEC_UNROLL
      for (int t = 0; t < 8; ++t) pair[t] = fold_8(sum[r][t], sum[r][t + 8 < T ? t + 8 : t]);
      store_private(scores + r * columns, sum_lanes<8>(pair));
    }
  } else {   // two rows to a register
    HOGVEC_UNROLL
    for (int r = 0; r < R; r += 2) {
      Vec pair[T];
      HOGVEC_UNROLL
      for (int t = 0; t < T; ++t) pair[t] = fold_8(sum[r][t], sum[R > 1 ? r + 1 : r][t]);
      const Vec both = sum_lanes<T>(pair);
      float* const row = scores + r * columns;
      if (columns == 8) {   // as the link loads them: a load that spans two stores waits for both to reach the cache
        store_private(row, both);
        continue;
      }
      using Half = float __attribute__((vector_size(32), aligned(4), may_alias));
      *reinterpret_cast<Half*>(row) = __builtin_shufflevector(both, both, 0, 1, 2, 3, 4, 5, 6, 7);
      if constexpr (R > 1)
        *reinterpret_cast<Half*>(row + columns) = __builtin_shufflevector(both, both, 8, 9, 10, 11, 12, 13, 14, 15);
    }
  }
#else
  HOGVEC_UNROLL
  for (int r = 0; r < R; ++r) {
    HOGVEC_UNROLL
    for (int t = 0; t < T; t += kLanes) {   // the last sums of a row are as many as are left
      constexpr int last = (T - 1) % kLanes + 1;
      const Vec sums = t + kLanes <= T ? sum_lanes<(T < kLanes ? T : kLanes)>(sum[r] + t) : sum_lanes<last>(sum[r] + t);
      store_private(scores + r * columns + t, sums);
    }
  }
#endif
}

// scores[r * columns + t] = <hidden[r], candidates[t]> for an R x T tile.
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
  store_sums<R, T>(sum, scores, columns);
}

// Scores of all hidden vectors against a tile of candidates.
template <int T>
static void score_candidates(const Group& group, float* const* candidates, float* scores, long stride) {
  constexpr int R = tile_hidden(T);
  float* const* const hidden = group.hidden;
  const long columns = group.columns;
  long b = 0;
  for (; b + R <= group.B; b += R) score_tile<R, T>(hidden + b, candidates, stride, scores + b * columns, columns);
  if constexpr (R > 2) {
    if (b + 2 <= group.B) {
      score_tile<2, T>(hidden + b, candidates, stride, scores + b * columns, columns);
      b += 2;
    }
  }
  if (b < group.B) score_tile<1, T>(hidden + b, candidates, stride, scores + b * columns, columns);
}

// S = H W^T: (B, T) in rows of `columns`.
static void score(const Group& group, const Tiles& tiles, float* scores, long stride) {
  long t = 0;
  for (long i = 0; i < tiles.count; ++i) {
    const long size = tile_size(tiles, i);
    with_size<kTileCandidates>(size,
                               [&]<int T>() { score_candidates<T>(group, group.candidates + t, scores + t, stride); });
    t += size;
  }
}

// Where an update finds and leaves dH: row b of `to` becomes row b of `from` plus the tile's part.
struct Gradient {
  float* const* from;   // (B,)
  float* const* to;     // (B,)
};

// What an update leaves where.
enum class Update {
  kInPlace,    // candidates become candidates + dW, hidden rows become hidden + dH
  kThrough,    // candidates become candidates + dW, dH goes from and to rows of its own
  kGradients   // dW and dH both go to rows of their own
};

// For N registers of every row, from float d on: dW[t] = sum_b G[b, t] hidden[b] and dH[b] += sum_t G[b, t]
// candidates[t], with the candidates as they were before.
template <int T, int N, Update kUpdate>
HOGVEC_INLINE void update_tile(const Group& group, const Gradient& gradient, float* const* candidates,
                               float* const* candidate_gradients, const float* coefficients, long d) {
  constexpr bool kInPlace = kUpdate == Update::kInPlace;
  // Copies: what is stored below might, for all the compiler knows, be the group itself.
  const long B = group.B;
  const long columns = group.columns;
  float* const* const hidden = group.hidden;
  float* const* const sum_from = gradient.from;
  float* const* const sum_to = gradient.to;
  float* at[T];
  Vec old[T][N], row[T][N];
  HOGVEC_UNROLL
  for (int t = 0; t < T; ++t) {
    at[t] = candidates[t] + d;
    HOGVEC_UNROLL
    for (int n = 0; n < N; ++n) {
      old[t][n] = load(at[t] + n * kLanes);
      row[t][n] = kUpdate == Update::kGradients ? Vec{} : old[t][n];
    }
  }
  for (long b = 0; b < B; ++b, coefficients += columns) {
    float* const row_h = hidden[b] + d;
    const float* const from = kInPlace ? row_h : sum_from[b] + d;
    float* const to = kInPlace ? row_h : sum_to[b] + d;
    Vec h[N], sum[N], rest[N] = {};
    HOGVEC_UNROLL
    for (int n = 0; n < N; ++n) {
      h[n] = load(row_h + n * kLanes);
      sum[n] = kInPlace ? h[n] : load(from + n * kLanes);
    }
    HOGVEC_UNROLL
    for (int t = 0; t < T; ++t) {
      const Vec g = splat(coefficients[t]);
      HOGVEC_UNROLL
      for (int n = 0; n < N; ++n) {
        if (T > 6 && t % 2) {
          rest[n] += g * old[t][n];
        } else {
          sum[n] += g * old[t][n];
        }
        row[t][n] += g * h[n];
      }
    }
    HOGVEC_UNROLL
    for (int n = 0; n < N; ++n) store(to + n * kLanes, T > 6 ? sum[n] + rest[n] : sum[n]);
  }
  HOGVEC_UNROLL
  for (int t = 0; t < T; ++t) {
    float* const row_to = kUpdate == Update::kGradients ? candidate_gradients[t] + d : at[t];
    HOGVEC_UNROLL
    for (int n = 0; n < N; ++n) store(row_to + n * kLanes, row[t][n]);
  }
}

// One sweep over the dimension for a tile of candidates.
template <int T, Update kUpdate>
static void update_candidates(const Group& group, const Gradient& gradient, long t0, const float* coefficients,
                              long stride, Fetcher& fetcher) {
  constexpr int kSlices = tile_slices(T);
  float* candidates[T];
  HOGVEC_UNROLL
  for (int t = 0; t < T; ++t) candidates[t] = group.candidates[t0 + t];
  float* const* const gradients = group.candidate_gradients + t0;
  coefficients += t0;
  long d = 0;
  for (; d + kSlices * kLanes <= stride; d += kSlices * kLanes) {
    update_tile<T, kSlices, kUpdate>(group, gradient, candidates, gradients, coefficients, d);
    fetch_share(fetcher);
  }
  if constexpr (kSlices > 1) {
    if (d < stride) {
      update_tile<T, 1, kUpdate>(group, gradient, candidates, gradients, coefficients, d);
      fetch_share(fetcher);
    }
  }
}

// How often an update calls fetch_share, at least.
HOGVEC_INLINE unsigned update_steps(const Tiles& tiles, long stride) {
  const int slices = tiles.count == 1 ? tile_slices(static_cast<int>(tiles.base)) : 1;
  const unsigned registers = static_cast<unsigned>(stride) / kLanes;
  const unsigned steps = static_cast<unsigned>(tiles.count) * (slices == 2 ? (registers + 1) / 2 : registers);
  return steps > 0 ? steps : 1;
}

// Every candidate row is loaded and stored once. In place the hidden rows become hidden + dH; otherwise the gradient
// rows become dH, added to what `start` holds.
static void update(const Group& group, const Tiles& tiles, const float* coefficients, long stride, bool in_place,
                   float* const* start, Fetcher& fetcher) {
  float* const* const hidden = group.hidden;
  if (in_place && tiles.count <= 1) {
    const Gradient gradient = {hidden, hidden};
    with_size<kTileCandidates>(group.T, [&]<int T>() {
      update_candidates<T, Update::kInPlace>(group, gradient, 0, coefficients, stride, fetcher);
    });
    return;
  }
  long t = 0;
  for (long i = 0; i < tiles.count; ++i) {
    const Gradient gradient = {i == 0 ? start : group.gradient,
                               in_place && i == tiles.count - 1 ? hidden : group.gradient};
    const long size = tile_size(tiles, i);
    with_size<kTileCandidates>(size, [&]<int T>() {
      update_candidates<T, Update::kThrough>(group, gradient, t, coefficients, stride, fetcher);
    });
    t += size;
  }
}

// dW and dH into the gradient rows, dH added to what they hold.
static void gather_gradients(const Group& group, const Tiles& tiles, const float* coefficients, long stride,
                             Fetcher& fetcher) {
  const Gradient gradient = {group.gradient, group.gradient};
  long t = 0;
  for (long i = 0; i < tiles.count; ++i) {
    const long size = tile_size(tiles, i);
    with_size<kTileCandidates>(size, [&]<int T>() {
      update_candidates<T, Update::kGradients>(group, gradient, t, coefficients, stride, fetcher);
    });
    t += size;
  }
}
