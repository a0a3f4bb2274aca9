// Sufficient statistics of a feature set and one target: rows, mean, scatter, class counts and
// class sums. One pass over the rows fills them; they merge exactly and forget the rows.
#pragma once

#include <vector>

#include "hscore/buffer.hpp"
#include "hscore/errors.hpp"
#include "hscore/norm_moments.hpp"
#include "hscore/views.hpp"

namespace hscore {

/// Type of the products in the covariance. Sums, means and class sums are float64 always.
enum class Products { float64, float32 };

struct UpdateOptions {
  int threads = 1;
  Products products = Products::float64;
  StopCheck stop;
  bool norms = false;  // also the norm moments, for shrinkage; from the first row on, or not at all
};

/// What leaves the process, to the last bit: the scatter's lower triangle row by row, everything
/// about the shift.
struct MomentsState {
  Index features = 0;
  std::vector<double> shift;
  std::vector<double> scatter;       // features * (features + 1) / 2
  std::vector<std::int64_t> counts;  // per class
  std::vector<double> class_sums;    // counts.size() x features, about the shift
  double norm_unit = 0;              // the norm moments, as NormMoments has them
  double norm_fourth = 0;
  std::vector<double> norm_cubes;  // empty when they were not collected
};

class Moments {
 public:
  explicit Moments(Index features);

  /// Add rows. All or nothing: if it throws, the statistics are as before. The caller checks that
  /// the features are finite; a NaN would stay.
  void update(const FeatureView& features, const LabelView& labels, const UpdateOptions& options);

  /// Add another set of rows over the same features. classes[c] is this object's code for the
  /// other's class c. (Chan, Golub, LeVeque 1983.)
  void merge(const Moments& other, const std::vector<std::int32_t>& classes);

  Moments copy() const;
  MomentsState state() const;
  static Moments from_state(const MomentsState& state);

  Index rows() const { return rows_; }
  Index features() const { return features_; }
  Index classes() const { return static_cast<Index>(counts_.size()); }
  const std::vector<std::int64_t>& counts() const { return counts_; }

  /// The statistics are kept about a shift near the mean; offset() is mean minus shift.
  std::vector<double> offset() const;
  const std::vector<double>& shift() const { return shift_; }
  const PaddedMatrix& shifted_scatter() const { return scatter_; }
  const PaddedMatrix& shifted_class_sums() const { return sums_; }

  /// Whether the norm moments of every row were collected.
  bool has_norms() const { return norms_.rows == rows_; }
  NormMoments norms_about_mean() const;

  /// False when a NaN, an infinity or an overflow has reached the statistics.
  bool finite() const;

 private:
  void choose_shift(const FeatureView& features);
  void recentre_if_drifted();
  void recentre();
  void grow(Index classes);
  template <class T>
  void accumulate(const FeatureView& features, const LabelView& labels,
                  const UpdateOptions& options, Index block);
  template <class T>
  void accumulate_in_parts(const FeatureView& features, const LabelView& labels,
                           const UpdateOptions& options, int threads);
  void add_about_same_shift(const Moments& part);

  Index rows_ = 0;
  Index features_ = 0;
  Index rows_when_centred_ = 0;
  std::vector<double> shift_;  // padded to whole strips
  PaddedMatrix scatter_;       // sum of (x - shift)(x - shift)', lower triangle
  PaddedMatrix sums_;          // per class, sum of x - shift
  std::vector<std::int64_t> counts_;
  NormMoments norms_;  // about the same shift; of use when it has all rows
};

}  // namespace hscore
