// Candidates of a softmax of two levels: classes, and the members of one.
#include <algorithm>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "hogvec/error.hpp"
#include "hogvec/objective.hpp"

namespace hogvec {

ClassArrays make_classes(std::span<const std::int32_t> class_of) {
  ClassArrays classes;
  classes.class_of.assign(class_of.begin(), class_of.end());
  for (const std::int32_t c : class_of) {
    if (c < 0 || static_cast<std::size_t>(c) >= class_of.size())
      throw ValueError("class_of must be at least 0 and below the number of ids, got " + std::to_string(c));
    classes.offsets.resize(std::max(classes.offsets.size(), static_cast<std::size_t>(c) + 2), 0);
    ++classes.offsets[static_cast<std::size_t>(c) + 1];
  }
  if (classes.offsets.empty()) throw ValueError("class_of must not be empty");
  for (std::size_t c = 1; c < classes.offsets.size(); ++c) {
    if (classes.offsets[c] == 0)
      throw ValueError("class_of must name every class, got no id in class " + std::to_string(c - 1));
    classes.offsets[c] += classes.offsets[c - 1];
  }
  std::vector<std::int64_t> next(classes.offsets.begin(), classes.offsets.end() - 1);
  classes.members.resize(class_of.size());
  for (std::size_t w = 0; w < class_of.size(); ++w)
    classes.members[static_cast<std::size_t>(next[static_cast<std::size_t>(class_of[w])]++)] =
        WordId{static_cast<std::int32_t>(w)};
  return classes;
}

TwoLevelSoftmaxObjective::TwoLevelSoftmaxObjective(const ClassArrays& classes)
    : classes_(&classes), place_of_(classes.members.size()) {
  const auto num_classes = static_cast<std::size_t>(classes.num_classes());
  for (std::size_t c = 0; c < num_classes; ++c) rows_.push_back(RowId{static_cast<std::uint32_t>(c)});
  for (std::size_t c = 0; c < num_classes; ++c) {
    most_candidates_ = std::max(most_candidates_, classes.offsets[c + 1] - classes.offsets[c]);
    for (std::int64_t i = classes.offsets[c]; i < classes.offsets[c + 1]; ++i) {
      const std::size_t word = index(classes.members[static_cast<std::size_t>(i)]);
      rows_.push_back(RowId{static_cast<std::uint32_t>(num_classes + word)});
      place_of_[word] = static_cast<std::int32_t>(i - classes.offsets[c]);
    }
  }
  most_candidates_ += classes.num_classes();
}

void TwoLevelSoftmaxObjective::add_candidates(BatchBuffer& buffer, Stream&) const {
  const std::size_t groups = buffer.targets.size();
  const auto num_classes = static_cast<std::size_t>(classes_->num_classes());
  // Group g becomes groups 2 g and 2 g + 1 of the same hidden vectors.
  std::vector<std::int64_t>& offsets = buffer.group_offsets;
  buffer.group_hidden.resize(2 * static_cast<std::size_t>(offsets[groups]));
  offsets.resize(2 * groups + 1);
  for (std::size_t g = groups; g-- > 0;) {   // from the last: no offset is overwritten before it is read
    const std::int64_t begin = offsets[g];
    const std::int64_t end = offsets[g + 1];
    for (std::int64_t i = begin; i < end; ++i)
      buffer.group_hidden[static_cast<std::size_t>(begin + i)] =
          buffer.group_hidden[static_cast<std::size_t>(end + i)] = static_cast<std::uint32_t>(i);
    offsets[2 * g + 2] = 2 * end;
    offsets[2 * g + 1] = begin + end;
  }
  buffer.shared_offsets.assign(1, 0);
  const auto add_group = [&](std::size_t first, std::size_t size, std::size_t labelled) {
    const auto from = rows_.begin() + static_cast<std::ptrdiff_t>(first);
    buffer.shared_rows.insert(buffer.shared_rows.end(), from, from + static_cast<std::ptrdiff_t>(size));
    const std::size_t labels = buffer.shared_labels.size();
    buffer.shared_labels.resize(labels + size, 0.0F);
    buffer.shared_labels[labels + labelled] = 1.0F;
    buffer.shared_offsets.push_back(static_cast<std::int64_t>(labels + size));
  };
  for (const WordId target : buffer.targets) {
    const auto c = static_cast<std::size_t>(classes_->class_of[index(target)]);
    const auto begin = static_cast<std::size_t>(classes_->offsets[c]);
    add_group(0, num_classes, c);
    add_group(num_classes + begin, static_cast<std::size_t>(classes_->offsets[c + 1]) - begin,
              static_cast<std::size_t>(place_of_[index(target)]));
  }
}

}   // namespace hogvec
