// Sufficient statistics of a feature set and one target: rows, mean, scatter, class counts and
// class sums. One pass over the rows fills them; they merge exactly and forget the rows.
#pragma once

#include <vector>

#include "hscore/buffer.hpp"
#include "hscore/errors.hpp"
#include "hscore/norm_moments.hpp"
#include "hscore/views.hpp"

namespace hscore {

/// Type of the products in the covariance. Sums, means and class sums are float64 always, and the
/// diagonal but for `integer`, which rounds each feature at random; where that would be no faster
/// than float32 it is float32.
enum class Products { float64, float32, integer };

/// Whether this processor has a tile unit (AMX), the system lets this process use it and
/// HSCORE_TILE_UNIT=0 does not leave it out. The first call asks; without one, integers are int16.
bool has_tile_unit();

/// How integer products round, and what they did: the variance of a value's rounding error per
/// feature, as the mean over all rows, and as the mean weighted by the feature's squares nearby.
struct Quantization {
  static constexpr Index most_stretch = 384;
  /// 2, 3 or 4 digits of 8 bits, for a tile unit: to some 5e-5, 2e-7 or 7e-10 of a feature's size
  /// nearby. None: int16 in pairs of rows, to 2e-4.
  int digits = 0;
  Index stretch = most_stretch;  // of int16, rows that share a scale: the fewer, the finer. Even
  std::vector<double> mean_variance;
  std::vector<double> variance;
};

struct UpdateOptions {
  int threads = 1;
  Products products = Products::float64;
  StopCheck stop;
  bool norms = false;  // also the norm moments, for shrinkage, which integer products cannot give;
                       // from the first row on, or not at all
  bool only_finite = false;  // throw NotFinite rather than add what is not finite, of rows in
                             // blocks after the first block that is not
  Quantization* quantization = nullptr;
};

/// What leaves the process, to the last bit: the scatter's lower triangle row by row, everything
/// about the shift.
struct MomentsState {
  Index features = 0;
  Index rows = 0;  // with a positive weight
  Index rows_when_centred = 0;
  std::vector<double> shift;
  std::vector<double> scatter;     // features * (features + 1) / 2
  std::vector<double> counts;      // per class, the sum of its rows' weights
  std::vector<double> class_sums;  // counts.size() x features, about the shift
  std::vector<double> cancelled;   // as Moments::cancelled(); empty when nothing was removed
  double norm_unit = 0;            // the norm moments, as NormMoments has them
  double norm_fourth = 0;
  std::vector<double> norm_cubes;  // empty when they were not collected
};

class Moments {
 public:
  /// `room` rows are added to the scatter, for those who take it to be factored in place.
  explicit Moments(Index features, Index room = 0);

  /// Add rows. All or nothing: if it throws, the statistics are as before. A row with the weight k
  /// counts as k equal rows; null weights are all 1. Without `only_finite` a NaN would stay.
  void update(const FeatureView& features, const LabelView& labels, const UpdateOptions& options,
              const double* weights = nullptr);

  /// Add another set of rows over the same features. classes[c] is this object's code for the
  /// other's class c. All or nothing. (Chan, Golub, LeVeque 1983.)
  void merge(const Moments& other, const std::vector<std::int32_t>& classes);

  /// Take rows away that were added before. Throws std::invalid_argument where they cannot have
  /// been: a class would have fewer than no rows, or a feature a negative sum of squares.
  void subtract(const Moments& other, const std::vector<std::int32_t>& classes);

  Moments copy() const;
  /// The statistics of some of the features, in the order given; without the norm moments.
  Moments columns(const std::vector<Index>& features) const;
  MomentsState state() const;
  static Moments from_state(const MomentsState& state);

  /// Rows with a positive weight.
  Index rows() const { return rows_; }
  Index features() const { return features_; }
  Index classes() const { return static_cast<Index>(counts_.size()); }
  /// Per class, the sum of its rows' weights; a whole number where all weights are 1.
  const std::vector<double>& counts() const { return counts_; }
  /// The number of rows N in every formula: the sum of all weights.
  double weight() const;

  /// The statistics are kept about a shift near the mean; offset() is mean minus shift.
  std::vector<double> offset() const;
  const std::vector<double>& shift() const { return shift_; }
  const PaddedMatrix& shifted_scatter() const { return scatter_; }
  const PaddedMatrix& shifted_class_sums() const { return sums_; }
  /// Leaves the object without.
  PaddedMatrix take_scatter() { return std::move(scatter_); }

  /// A feature's largest sum of squares that rows have been taken away from, or 0: the scatter
  /// cannot be better than the rounding errors of that sum.
  double cancelled(Index feature) const {
    return cancelled_.empty() ? 0 : cancelled_[static_cast<std::size_t>(feature)];
  }

  /// Whether the norm moments of every row were collected.
  bool has_norms() const { return has_norms_; }
  NormMoments norms_about_mean() const;

  /// False when a NaN, an infinity or an overflow has reached the statistics.
  bool finite() const;

 private:
  struct Batch;     // of rows, with their labels and weights
  class Workspace;  // what packed rows and parts of the statistics take
  void choose_shift(const Batch& batch);
  // Looked at whenever the rows have doubled, so that it costs nothing in a long stream.
  bool may_have_drifted(Index rows) const { return rows >= 2 * rows_when_centred_; }
  void recentre_if_drifted();
  void grow(Index classes);
  void forget_rows() noexcept;
  void gather(const Batch& batch, const UpdateOptions& options);
  void accumulate(const Batch& batch, const UpdateOptions& options, Workspace& workspace);
  template <class Packed>
  void accumulate_as(const Batch& batch, const UpdateOptions& options, Index most_rows, int threads,
                     Workspace& workspace);
  void accumulate_in_parts(const Batch& batch, const UpdateOptions& options, int threads,
                           Workspace& workspace);
  void collect_parts(const UpdateOptions& options, Workspace& workspace);
  void add_about_same_shift(Moments& part, int threads);
  void combine(const Moments& other, const std::vector<std::int32_t>& classes, double sign);
  std::vector<double> total() const;  // of the class sums

  Index rows_ = 0;
  Index features_ = 0;
  Index rows_when_centred_ = 0;
  std::vector<double> shift_;  // padded to whole strips
  PaddedMatrix scatter_;       // sum of (x - shift)(x - shift)', lower triangle
  PaddedMatrix sums_;          // per class, sum of x - shift; may have rows to spare
  std::vector<double> counts_;
  std::vector<double> cancelled_;  // empty when nothing was removed
  NormMoments norms_;              // about the same shift
  bool has_norms_ = true;
};

}  // namespace hscore
