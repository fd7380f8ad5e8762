// Where the rows of a batch are, and prefetching: the rows of a coming group, a few at a time between the tiles of this
// one, so that memory works while the arithmetic does; a burst would wait for the processor's few line buffers.
// Included inside a namespace of each instruction set after vector.inl.hpp. What prefetches is inlined by force: a
// function that does nothing else counts as pure, and compilers drop calls to it.

constexpr long kPrefetchGroups = 3;   // rows are fetched this many groups ahead
constexpr long kCopied = 8;           // addresses copied at a time

// The rows of one table that a batch names, in the order of the batch, and of these the ones to fetch: not those that
// were named shortly before.
struct RowList {
  float** rows;          // (n,)
  float** wanted;        // (wanted_before[n],), and kCopied more that may be read
  long* wanted_before;   // (n + 1,): of the first i rows, how many are wanted
};

// One loop over the whole batch: loops over every group, few and never as many rows, would end in a mispredicted branch
// each. Whether a row is wanted is a coin toss of the same kind, and whether it has a replica.
template <bool kReplicas>
static void list_rows(const RowList& list, const TableView& table, const ReplicaView& replicas, const RowId* ids,
                      long n) {
  constexpr long kRemembered = 64;
  unsigned recent[kRemembered];
  for (long i = 0; i < kRemembered; ++i) recent[i] = ~0U;
  float* const data = table.data;
  const long stride = table.stride;
  [[maybe_unused]] const unsigned first = static_cast<unsigned>(replicas.first);
  [[maybe_unused]] const unsigned count = static_cast<unsigned>(replicas.count);
  [[maybe_unused]] float* const copies = replicas.rows;
  long wanted = 0;
  for (long i = 0; i < n; ++i) {
    const unsigned id = static_cast<unsigned>(ids[i]);
    float* row = data + static_cast<long>(id) * stride;
    if constexpr (kReplicas) {
      const unsigned place = id - first;
      float* const replica = copies + static_cast<long>(place) * stride;
      row = place < count ? replica : row;
      ++replicas.uses[place < count ? place : count];
    }
    list.wanted_before[i] = wanted;
    list.rows[i] = row;
    list.wanted[wanted] = row;
    unsigned& remembered = recent[id % kRemembered];
    wanted += remembered != id;
    remembered = id;
  }
  list.wanted_before[n] = wanted;
}

struct Fetcher {
  static constexpr long kMostRows = 64;   // of one group; any more are left to the processor
  float* rows[kMostRows + 2 * kCopied];
  long count;     // of rows
  long fetched;   // of these
  long share;     // to fetch at a time
  long stride;    // floats of a row
};

// Takes the wanted among rows [begin, end) of a list.
HOGVEC_INLINE void want_rows(Fetcher& fetcher, const RowList& list, long begin, long end) {
  float* const* from = list.wanted + list.wanted_before[begin];
  long n = list.wanted_before[end] - list.wanted_before[begin];
  if (n > Fetcher::kMostRows - fetcher.count) n = Fetcher::kMostRows - fetcher.count;
  float** const to = fetcher.rows + fetcher.count;
  for (long i = 0; i < n; i += kCopied) {
    for (long j = 0; j < kCopied; ++j) to[i + j] = from[i + j];
  }
  fetcher.count += n;
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
