// Optimizers other than SGD, which is part of the update itself: they need the whole gradient of a row, so gradients
// gather in scratch, one sum for each row that a group names, and are applied once a group. Included inside a namespace
// of each instruction set after tiles.inl.hpp. `descent` is the gradient with its sign turned, -dLoss/dRow.

HOGVEC_INLINE Vec square_root(Vec v) {
  Vec root;
  for (int i = 0; i < kLanes; ++i) root[i] = __builtin_sqrtf(v[i]);
  return root;
}

HOGVEC_INLINE float power(float base, unsigned exponent) {
  float result = 1;
  for (; exponent > 0; exponent >>= 1, base *= base) {
    if (exponent & 1) result *= base;
  }
  return result;
}

HOGVEC_INLINE unsigned load_step(const unsigned* p) { return __atomic_load_n(p, __ATOMIC_RELAXED); }
HOGVEC_INLINE void store_step(unsigned* p, unsigned step) { __atomic_store_n(p, step, __ATOMIC_RELAXED); }

// v = decay * v + share * g; w -= rate * v.
HOGVEC_INLINE void apply_momentum(float* row, float* v_row, const float* descent, long stride, float decay, float share,
                                  float rate) {
  for (long d = 0; d < stride; d += kLanes) {
    const Vec v = decay * load(v_row + d) - share * load_private(descent + d);
    store(v_row + d, v);
    store(row + d, load(row + d) - rate * v);
  }
}

// s = decay * s + share * g^2; w -= rate * g / (sqrt(s) + epsilon).
HOGVEC_INLINE void apply_scaled(float* row, float* s_row, const float* descent, long stride, float decay, float share,
                                float rate, float epsilon) {
  for (long d = 0; d < stride; d += kLanes) {
    const Vec g = load_private(descent + d);
    const Vec s = decay * load(s_row + d) + share * (g * g);
    store(s_row + d, s);
    store(row + d, load(row + d) + rate * g / (square_root(s) + epsilon));
  }
}

HOGVEC_INLINE void apply_row_adagrad(float* row, float* sum, const float* descent, long stride, long dim, float rate,
                                     float epsilon) {
  Vec squares{};
  for (long d = 0; d < stride; d += kLanes) {
    const Vec g = load_private(descent + d);
    squares += g * g;
  }
  float total = 0;
  for (int i = 0; i < kLanes; ++i) total += squares[i];
  float before;
  __atomic_load(sum, &before, __ATOMIC_RELAXED);
  float after = before + total / static_cast<float>(dim);
  __atomic_store(sum, &after, __ATOMIC_RELAXED);
  const Vec scale = splat(rate / (__builtin_sqrtf(after) + epsilon));
  for (long d = 0; d < stride; d += kLanes) store(row + d, load(row + d) + scale * load_private(descent + d));
}

// `decay1`, `decay2`: of m and v since the row's last update; `correct1`, `correct2`: 1 / (1 - beta^t).
HOGVEC_INLINE void apply_adam(float* row, float* m_row, float* v_row, const float* descent, long stride,
                              const OptimizerSettings& settings, float decay1, float decay2, float correct1,
                              float correct2, float rate) {
  for (long d = 0; d < stride; d += kLanes) {
    const Vec g = load_private(descent + d);
    const Vec m = decay1 * load(m_row + d) - (1 - settings.beta1) * g;
    const Vec v = decay2 * load(v_row + d) + (1 - settings.beta2) * (g * g);
    store(m_row + d, m);
    store(v_row + d, v);
    store(row + d, load(row + d) - (rate * correct1) * m / (square_root(correct2 * v) + settings.epsilon));
  }
}

// Changes row `id` by its gradient of one group. `step` numbers the groups, from 1.
static void apply(const OptimizerSettings& settings, const TrainedTable& table, long id, const float* descent,
                  float rate, unsigned step) {
  const long stride = table.values.stride;
  float* const row = table.values.data + id * stride;
  float* const first = table.first ? table.first + id * stride : nullptr;
  float* const second = table.second ? table.second + id * stride : nullptr;
  switch (settings.kind) {
    case OptimizerKind::kSgd: break;   // part of the update
    case OptimizerKind::kMomentum: apply_momentum(row, first, descent, stride, settings.beta1, 1, rate); break;
    case OptimizerKind::kAveragedMomentum: {
      const unsigned t = load_step(table.steps + id) + 1;
      store_step(table.steps + id, t);
      const float corrected = rate / (1 - power(settings.beta1, t));
      apply_momentum(row, first, descent, stride, settings.beta1, 1 - settings.beta1, corrected);
      break;
    }
    case OptimizerKind::kRmsProp:
      apply_scaled(row, second, descent, stride, settings.beta2, 1 - settings.beta2, rate, settings.epsilon);
      break;
    case OptimizerKind::kAdaGrad: apply_scaled(row, second, descent, stride, 1, 1, rate, settings.epsilon); break;
    case OptimizerKind::kRowAdaGrad:
      apply_row_adagrad(row, table.second + id, descent, stride, table.values.dim, rate, settings.epsilon);
      break;
    case OptimizerKind::kAdam:
    case OptimizerKind::kDecayedAdam: {
      const bool decayed = settings.kind == OptimizerKind::kDecayedAdam;
      const unsigned last = load_step(table.steps + id);
      const unsigned t = decayed ? step : last + 1;
      // Another worker may have been here at a later step (steps wrap): then no time has passed.
      const unsigned elapsed = t - last > ~0U / 2 ? 0 : t - last;
      if (elapsed > 0) store_step(table.steps + id, t);
      apply_adam(row, first, second, descent, stride, settings, power(settings.beta1, elapsed),
                 power(settings.beta2, elapsed), 1 / (1 - power(settings.beta1, t)), 1 / (1 - power(settings.beta2, t)),
                 rate);
      break;
    }
  }
}

// Gradients of the distinct rows of one table that a group names, found by their ids: a row that is named several times
// receives the sum, once. Open addressing; `cells` is a power of two, above twice the most rows of a group.
struct RowSums {
  unsigned* ids;   // (n,)
  float* rows;     // (n, stride)
  int* at_cell;    // (cells,): index of a row, or -1
  long cells, stride, count;
};

HOGVEC_INLINE long cell_of(const RowSums& sums, unsigned id) {
  long cell = (id * 0x9e3779b1U) & (sums.cells - 1);
  while (sums.at_cell[cell] >= 0 && sums.ids[sums.at_cell[cell]] != id) cell = (cell + 1) & (sums.cells - 1);
  return cell;
}

// sum of row `id` += scale * gradient.
static void add_gradient(RowSums& sums, unsigned id, float scale, const float* gradient) {
  int& index = sums.at_cell[cell_of(sums, id)];
  const bool is_new = index < 0;
  if (is_new) {
    index = static_cast<int>(sums.count++);
    sums.ids[index] = id;
  }
  float* const sum = sums.rows + index * sums.stride;
  for (long d = 0; d < sums.stride; d += kLanes) {
    const Vec before = is_new ? Vec{} : load_private(sum + d);
    store_private(sum + d, before + scale * load_private(gradient + d));
  }
}

// Applies every sum and forgets them.
static void apply_sums(RowSums& sums, const OptimizerSettings& settings, const TrainedTable& table, float rate,
                       unsigned step) {
  for (long i = 0; i < sums.count; ++i)
    apply(settings, table, static_cast<long>(sums.ids[i]), sums.rows + i * sums.stride, rate, step);
  if (sums.count * 8 > sums.cells) {
    for (long cell = 0; cell < sums.cells; ++cell) sums.at_cell[cell] = -1;
  } else {   // in reverse: a cell is found past those that came before it
    for (long i = sums.count - 1; i >= 0; --i) sums.at_cell[cell_of(sums, sums.ids[i])] = -1;
  }
  sums.count = 0;
}
