// Prefetching: the rows of a coming group, a few at a time between the tiles of this one, so that memory works while the
// arithmetic does; a burst would wait for the processor's few line buffers. Included inside a namespace of each
// instruction set after vector.inl.hpp. Its functions are inlined by force: one that only prefetches counts as pure, and
// compilers drop calls to it.

constexpr int kPrefetchGroups = 2;   // rows are fetched this many groups ahead

HOGVEC_INLINE float* row_of_table(const TableView& table, RowId id) {
  return table.data + static_cast<long>(id) * table.stride;
}

// The rows wanted, less those asked for lately.
struct Fetcher {
  static constexpr long kMostRows = 64;   // of one group; any more are left to the processor
  static constexpr long kRemembered = 64;
  const float* rows[kMostRows + 1];
  unsigned recent_input[kRemembered], recent_output[kRemembered];
  long count;     // of rows
  long fetched;   // of these
  long share;     // to fetch at a time
  long stride;    // floats of a row
};

HOGVEC_INLINE void forget_rows(Fetcher& fetcher, long stride) {
  for (long i = 0; i < Fetcher::kRemembered; ++i) fetcher.recent_input[i] = fetcher.recent_output[i] = ~0U;
  fetcher.count = fetcher.fetched = fetcher.share = 0;
  fetcher.stride = stride;
}

// Whether a row was asked for lately is a coin toss that a branch would mispredict.
HOGVEC_INLINE void want_rows(Fetcher& fetcher, unsigned* recent, const TableView& table, const RowId* ids, long n) {
  long count = fetcher.count;
  if (n > Fetcher::kMostRows - count) n = Fetcher::kMostRows - count;
  for (long i = 0; i < n; ++i) {
    const unsigned number = static_cast<unsigned>(ids[i]);
    unsigned& remembered = recent[number % Fetcher::kRemembered];
    fetcher.rows[count] = row_of_table(table, ids[i]);
    count += remembered != number;
    remembered = number;
  }
  fetcher.count = count;
}

HOGVEC_INLINE void want_bags(Fetcher& fetcher, const BatchArrays& batch, const TableView& input, long h, long n) {
  const long first = batch.bag_offsets ? batch.bag_offsets[h] : h;
  const long last = batch.bag_offsets ? batch.bag_offsets[h + n] : h + n;
  want_rows(fetcher, fetcher.recent_input, input, batch.bag_rows + first, last - first);
}

// Lists the rows of group g, to be fetched in `steps` shares.
static void want_group(Fetcher& fetcher, const BatchArrays& batch, long g, const TableView& input,
                       const TableView& output, unsigned steps) {
  fetcher.count = fetcher.fetched = 0;
  if (g < batch.num_groups) {
    const long shared = batch.shared_offsets[g];
    want_rows(fetcher, fetcher.recent_output, output, batch.shared_rows + shared, batch.shared_offsets[g + 1] - shared);
    const long begin = batch.group_offsets[g];
    const long end = batch.group_offsets[g + 1];
    if (batch.group_hidden) {
      for (long i = begin; i < end; ++i) want_bags(fetcher, batch, input, batch.group_hidden[i], 1);
    } else {
      want_bags(fetcher, batch, input, begin, end - begin);
    }
  }
  fetcher.share = (static_cast<unsigned>(fetcher.count) + steps - 1) / steps;   // 32 bits: long division is slow
}

HOGVEC_INLINE void fetch_share(Fetcher& fetcher) {
  const long due = fetcher.fetched + fetcher.share;
  const long last = due < fetcher.count ? due : fetcher.count;
  for (long i = fetcher.fetched; i < last; ++i) {
    const float* const row = fetcher.rows[i];
    for (long d = 0; d < fetcher.stride; d += 16) __builtin_prefetch(row + d, 1, 3);
  }
  fetcher.fetched = last;
}
