// Bags of documents, in shuffled order, with a label each or all of them.
#include "hogvec/document_examples.hpp"

#include <algorithm>

#include "hogvec/architecture.hpp"
#include "hogvec/random.hpp"

namespace hogvec {

namespace {

constexpr std::size_t kMostRows = 65536;   // of a batch, but for the last document's

template <class T>
std::span<const T> part(const std::vector<T>& values, const std::vector<std::int64_t>& offsets, std::size_t i) {
  const auto begin = static_cast<std::size_t>(offsets[i]);
  return std::span(values).subspan(begin, static_cast<std::size_t>(offsets[i + 1]) - begin);
}

}   // namespace

std::vector<std::uint32_t> document_order(const DocumentSource& source, std::uint64_t key) {
  const Documents& documents = *source.documents;
  std::vector<std::uint32_t> order;
  for (std::size_t d = 0; d < documents.size(); ++d) {
    const bool trains = documents.offsets[d + 1] > documents.offsets[d] &&
                        documents.label_offsets[d + 1] > documents.label_offsets[d] &&
                        (source.weights.empty() || source.weights[d] > 0);
    if (trains) order.push_back(static_cast<std::uint32_t>(d));
  }
  // Fisher and Yates 1938: every order is as likely.
  Stream stream(key);
  for (std::size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[scale_bits64(stream.next(), i)]);
  return order;
}

std::int64_t chunk_documents(const DocumentSource& source) {
  const auto documents = static_cast<std::int64_t>(source.documents->size());
  const std::int64_t mean = source.documents->offsets.back() / std::max<std::int64_t>(documents, 1) + 1;
  return std::max<std::int64_t>(kChunkTokens / mean, 1);
}

void DocumentExamples::start(Position begin, Position end) {
  begin_ = next_ = begin;
  end_ = end;
}

// Of several labels that count together, the mean of their weights.
float DocumentExamples::weight_of(std::size_t document, std::span<const WordId> labels) const {
  float weight = source_.weights.empty() ? 1.0F : source_.weights[document];
  if (source_.label_weights.empty()) return weight;
  float sum = 0;
  for (const WordId label : labels) sum += source_.label_weights[index(label)];
  return weight * sum / static_cast<float>(labels.size());
}

void DocumentExamples::add_document(std::size_t document, BatchBuffer& buffer) const {
  const Documents& documents = *source_.documents;
  const auto entries = part(documents.entries, documents.offsets, document);
  if (source_.features->stands_for_itself()) {
    buffer.bag_rows.insert(buffer.bag_rows.end(), entries.begin(), entries.end());
  } else {
    for (const RowId entry : entries)
      source_.features->for_rows(entry, [&](RowId row) { buffer.bag_rows.push_back(row); });
  }
  const auto end = static_cast<std::int64_t>(buffer.bag_rows.size());
  const float mean = 1.0F / static_cast<float>(end - buffer.bag_offsets.back());
  buffer.bag_offsets.push_back(end);
  buffer.forward_scale.push_back(mean);
  buffer.backward_scale.push_back(mean);
  buffer.group_offsets.push_back(static_cast<std::int64_t>(buffer.forward_scale.size()));

  std::span<const WordId> labels = part(documents.labels, documents.label_offsets, document);
  if (!source_.every_label) {
    const std::uint64_t bits = random_bits(key_, document);
    labels = labels.subspan(scale_bits64(bits, labels.size()), 1);
  }
  buffer.targets.insert(buffer.targets.end(), labels.begin(), labels.end());
  if (source_.every_label) buffer.target_offsets.push_back(static_cast<std::int64_t>(buffer.targets.size()));
  if (!source_.weights.empty() || !source_.label_weights.empty()) buffer.weight.push_back(weight_of(document, labels));
}

bool DocumentExamples::fill(BatchBuffer& buffer, std::size_t most) {
  if (next_ == end_) return false;
  buffer.clear();
  buffer.group_offsets.push_back(0);
  buffer.bag_offsets.push_back(0);
  if (source_.every_label) buffer.target_offsets.push_back(0);
  const Position last = std::min(end_, next_ + static_cast<Position>(most));
  while (next_ < last && buffer.bag_rows.size() < kMostRows)
    add_document(order_[static_cast<std::size_t>(next_++)], buffer);
  return true;
}

}   // namespace hogvec
