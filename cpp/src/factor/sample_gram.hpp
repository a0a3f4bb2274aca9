// The Gram matrix of the centred rows, for fewer rows than features: rows x rows, through the same
// kernel as the scatter, without ever building features x features.
#pragma once

#include "hscore/buffer.hpp"
#include "hscore/errors.hpp"
#include "hscore/views.hpp"

namespace hscore {

enum class FeatureScale { as_is, unit_variance };

struct SampleGram {
  PaddedMatrix values;  // lower triangle, centred
  Index live = 0;  // features that vary by more than their rounding errors; others are left out
  bool varies =
      false;  // any value differs from its feature's mean, if only by too little to square
};

/// With unit_variance each feature's centred column is first divided by its length.
SampleGram sample_gram(const FeatureView& features, FeatureScale scale, int threads,
                       const StopCheck& stop);

}  // namespace hscore
