// Feature sets side by side: what a set adds to those that were chosen before it, from one joint
// scatter.
#pragma once

#include <memory>
#include <vector>

#include "hscore/scores.hpp"

namespace hscore {

/// Eliminates one source after another from the scatter of all. With W1 = L1^-1 B1 of the chosen
/// sources and P = L1^-1 T12,
///     H([f1, f2]) = H(f1) + | L2^-1 (B2 - P'W1) |_F^2,   L2 L2' = T22 - P'P,
/// and what is kept of the others is T22 - P'P and B2 - P'W1, the Schur complement. Ranks follow
/// the rule of the whitening: a feature of which the chosen ones leave less than its noise adds
/// nothing.
/// Memory: as much again as the joint scatter, and 8 bytes for each pair of classes.
class SourceElimination {
 public:
  /// Source s has the columns first_columns[s] .. first_columns[s + 1] - 1 of the moments.
  SourceElimination(const Moments& joint, const std::vector<Index>& first_columns,
                    const WhiteningOptions& options);
  SourceElimination(SourceElimination&&) noexcept;
  ~SourceElimination();

  /// The score of the chosen sources together with one more; with the chosen ones, of those.
  HScore with(Index source, const WhiteningOptions& options) const;

  /// Not to be used any more when it throws.
  void choose(Index source, const WhiteningOptions& options);

  /// The score of all of some sources but one, for each of them, when nothing was chosen yet. Not
  /// to be used any more after it. By halves: one half is eliminated from a copy, then the same for
  /// the other half alone, and the other way round, which costs little more than two whole
  /// factorizations instead of one for each source; the copies take 4/3 of the memory again.
  std::vector<HScore> leave_one_out(const std::vector<Index>& sources,
                                    const WhiteningOptions& options);

  /// The sum of the fourth powers of the canonical correlations of the chosen sources with the
  /// classes; the score is the sum of the squares.
  double fourth_powers() const;

 private:
  struct State;
  explicit SourceElimination(std::unique_ptr<State> state);
  SourceElimination copy() const;
  void forget(Index source);
  void leave_out(const std::vector<Index>& sources, std::size_t first, std::size_t last,
                 std::vector<HScore>& scores, const WhiteningOptions& options);
  std::unique_ptr<State> state_;
};

}  // namespace hscore
