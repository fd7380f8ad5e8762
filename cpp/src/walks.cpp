// Steps of walks.
#include "hogvec/walks.hpp"

#include <algorithm>
#include <atomic>
#include <bit>

namespace hogvec {

namespace {

// An order of [0, n) that the key decides, computed place by place: bijections of the least power of 2 that holds n,
// again and again until the result is below n (J. Black and P. Rogaway, "Ciphers with arbitrary finite domains", 2002).
std::uint64_t shuffled(std::uint64_t i, std::uint64_t n, std::uint64_t key) {
  const int bits = std::max(static_cast<int>(std::bit_width(n - 1)), 1);
  const std::uint64_t mask = (std::uint64_t{1} << bits) - 1;
  const int shift = (bits + 1) / 2;
  do {
    for (std::uint64_t round = 0; round < 4; ++round) {
      const std::uint64_t random = random_bits(key, round);
      i = (i * (random | 1) + (random >> 32)) & mask;
      i ^= i >> shift;
    }
  } while (i >= n);
  return i;
}

// Calls work(worker, begin, end) until all of [0, count) is done, for as many walks as take a fraction of a second.
template <class Work>
void share_walks(std::int64_t count, std::int64_t length, int threads, const KeepGoing& keep_going, Work work) {
  const std::int64_t step = std::max<std::int64_t>(65536 / length, 1);
  std::atomic<std::int64_t> next{0};
  run_workers_to_the_end(threads, keep_going, [&](int worker, const StopFlag& stop) {
    while (!stop.load(std::memory_order_relaxed)) {
      const std::int64_t begin = next.fetch_add(step, std::memory_order_relaxed);
      if (begin >= count) return;
      work(worker, begin, std::min(begin + step, count));
    }
  });
}

}   // namespace

Walker::Walker(const Graph& graph, const WalkSettings& settings)
    : graph_(&graph),
      settings_(settings),
      back_(static_cast<float>(1 / settings.p)),
      far_(static_cast<float>(1 / settings.q)),
      most_(std::max(1.0F, far_)),
      least_(std::min({1.0F, far_, back_})),
      excess_(std::max(back_ - most_, 0.0F)) {
  for (std::int64_t node = 0; node < graph.num_nodes(); ++node) {
    const WordId id{static_cast<std::int32_t>(node)};
    if (graph.degree(id) > 0) starts_.push_back(id);
  }
}

float Walker::factor(WordId before, WordId next) const {
  if (next == before) return back_;
  return graph_->has_edge(before, next) ? 1.0F : far_;
}

// Rejection: a neighbour drawn by the weight of its edge is taken with probability factor / most_; under the least
// factor there is no need to know which it is. A factor 1 / p above the others would reject most draws: what exceeds
// them is a part of the mass of its own (K. Yang et al., "KnightKing: A fast distributed graph random walk engine",
// SOSP 2019). Draws being independent, it does not matter to the last that those before it were rejected.
WordId Walker::second_step(WordId before, WordId node, Stream& stream) const {
  constexpr int kMostDraws = 64;
  const float mass = most_ + (excess_ > 0 ? excess_ * graph_->share(node, before) : 0.0F);
  for (int draws = 0; draws < kMostDraws; ++draws) {
    const float height = unit_float(stream.next()) * mass;
    if (height >= most_) return before;
    const WordId next = graph_->draw(node, stream.next());
    if (height < least_ || height < factor(before, next)) return next;
  }
  return weighed_step(before, node, stream);
}

// Looks at every edge of the node, where nearly all of them are unlikely.
WordId Walker::weighed_step(WordId before, WordId node, Stream& stream) const {
  const auto begin = static_cast<std::size_t>(graph_->offsets()[index(node)]);
  const auto degree = static_cast<std::size_t>(graph_->degree(node));
  const auto targets = graph_->targets().subspan(begin, degree);
  const auto weight = [&](std::size_t i) {
    const double share = graph_->is_weighted() ? graph_->shares()[begin + i] : 1.0F;
    return share * static_cast<double>(factor(before, targets[i]));
  };
  double total = 0;
  for (std::size_t i = 0; i < degree; ++i) total += weight(i);
  double left = unit_double(stream.next()) * total;
  for (std::size_t i = 0; i + 1 < degree; ++i) {
    left -= weight(i);
    if (left < 0) return targets[i];
  }
  return targets.back();
}

std::size_t Walker::walk(std::int64_t epoch, std::int64_t number, std::span<WordId> to) const {
  const std::uint64_t nodes = starts_.size();
  const auto round = static_cast<std::uint64_t>(number) / nodes;
  const auto place = static_cast<std::uint64_t>(number) % nodes;
  const auto epoch_bits = static_cast<std::uint64_t>(epoch);
  const std::uint64_t order = make_key(settings_.seed, Purpose::kOrder, epoch_bits, round);
  Stream stream(make_key(settings_.seed, Purpose::kWalk, epoch_bits, static_cast<std::uint64_t>(number)));
  WordId node = starts_[shuffled(place, nodes, order)];
  WordId before = node;
  const bool second_order = settings_.p != 1 || settings_.q != 1;
  std::size_t n = 0;
  for (;;) {
    to[n++] = node;
    if (n == to.size() || graph_->degree(node) == 0) return n;
    const WordId next = second_order && n > 1 ? second_step(before, node, stream) : graph_->draw(node, stream.next());
    before = node;
    node = next;
  }
}

void write_walks(const Walker& walker, std::int64_t epoch, std::int64_t first, std::int64_t count, WalkTokens& to) {
  const auto length = static_cast<std::size_t>(walker.settings().length);
  to.ids.resize(static_cast<std::size_t>(count) * length);
  to.offsets.assign(1, 0);
  std::size_t used = 0;
  for (std::int64_t i = 0; i < count; ++i) {
    used += walker.walk(epoch, first + i, std::span(to.ids).subspan(used, length));
    to.offsets.push_back(static_cast<std::int64_t>(used));
  }
  to.ids.resize(used);
}

// Each walk is written as if all had their whole length; if not, they are moved together afterwards.
WalkTokens write_walks(const Walker& walker, std::int64_t epoch, std::int64_t first, std::int64_t count, int threads,
                       const KeepGoing& keep_going) {
  const auto length = static_cast<std::size_t>(walker.settings().length);
  WalkTokens to;
  to.ids.resize(static_cast<std::size_t>(count) * length);
  to.offsets.resize(static_cast<std::size_t>(count) + 1);
  const auto work = [&](int, std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      const auto place = static_cast<std::size_t>(i);
      const auto nodes = std::span(to.ids).subspan(place * length, length);
      to.offsets[place + 1] = static_cast<std::int64_t>(walker.walk(epoch, first + i, nodes));
    }
  };
  share_walks(count, walker.settings().length, threads, keep_going, work);
  std::size_t used = 0;
  for (std::size_t i = 0; i < static_cast<std::size_t>(count); ++i) {
    const auto n = static_cast<std::size_t>(to.offsets[i + 1]);
    if (used != i * length) std::copy_n(to.ids.data() + i * length, n, to.ids.data() + used);
    used += n;
    to.offsets[i + 1] = static_cast<std::int64_t>(used);
  }
  to.ids.resize(used);
  return to;
}

std::vector<std::int64_t> count_nodes(const Walker& walker, std::int64_t epoch, int threads,
                                      const KeepGoing& keep_going) {
  const auto nodes = static_cast<std::size_t>(walker.graph().num_nodes());
  std::vector<std::vector<std::int64_t>> parts(static_cast<std::size_t>(threads), std::vector<std::int64_t>(nodes));
  const auto work = [&](int worker, std::int64_t begin, std::int64_t end) {
    WalkTokens walks;
    write_walks(walker, epoch, begin, end - begin, walks);
    for (const WordId node : walks.ids) ++parts[static_cast<std::size_t>(worker)][index(node)];
  };
  share_walks(walker.size(), walker.settings().length, threads, keep_going, work);
  for (std::size_t worker = 1; worker < parts.size(); ++worker) {
    for (std::size_t node = 0; node < nodes; ++node) parts[0][node] += parts[worker][node];
  }
  return std::move(parts[0]);
}

}   // namespace hogvec
