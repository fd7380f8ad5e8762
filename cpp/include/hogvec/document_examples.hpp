// Documents as examples: the architecture of a classifier. A document is one bag, whose mean predicts a label of it.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "hogvec/batch.hpp"
#include "hogvec/documents.hpp"
#include "hogvec/types.hpp"

namespace hogvec {

struct DocumentSource {
  const TextFeatures* features = nullptr;
  const Documents* documents = nullptr;
  std::span<const float> weights;         // (n_documents,), or none: 1
  std::span<const float> label_weights;   // (n_labels,), or none: 1
  // Whether a document predicts all of its labels at once; otherwise one of them, drawn anew in every epoch.
  bool every_label = false;
};

// The documents that have an entry, a label and a weight above 0, in an order that the key decides: the positions of an
// epoch. Lines of a file often come sorted by label, which would make each update undo the one before.
std::vector<std::uint32_t> document_order(const DocumentSource& source, std::uint64_t key);

// How many positions a worker takes at a time: about as many entries as tokens of any other corpus.
std::int64_t chunk_documents(const DocumentSource& source);

// The examples of one chunk of positions at a time. Which label is drawn is a function of (key, document) alone.
class DocumentExamples {
 public:
  DocumentExamples(const DocumentSource& source, std::span<const std::uint32_t> order, std::uint64_t key)
      : source_(source), order_(order), key_(key) {}

  void start(Position begin, Position end);   // positions [begin, end) of the order
  // Appends up to `most` groups to an empty buffer, fewer if they have many rows; false when the chunk has none left.
  bool fill(BatchBuffer& buffer, std::size_t most);

  std::int64_t kept() const { return end_ - begin_; }
  Position position() const { return next_; }

 private:
  void add_document(std::size_t document, BatchBuffer& buffer) const;
  float weight_of(std::size_t document, std::span<const WordId> labels) const;

  DocumentSource source_;
  std::span<const std::uint32_t> order_;
  std::uint64_t key_;
  Position begin_ = 0, end_ = 0, next_ = 0;
};

}   // namespace hogvec
