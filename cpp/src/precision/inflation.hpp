// How much the features depend on each other and how far their values reach, from a glance.
#pragma once

#include "hscore/views.hpp"

namespace hscore {

/// By how much the other features inflate what errors of one do: T_jj (T^-1)_jj, the reciprocal of
/// the share of it that the others leave.
struct Inflation {
  double mean = 1;
  double largest = 1;
  double reach = 1;  // of the largest value of a few hundred rows, in deviations, as a rule
};

/// From a few rows and features, evenly spaced: enough to tell features that are all but
/// independent from those that are not, before the work. There must be 96 features.
Inflation sample_inflation(const FeatureView& features);

}  // namespace hscore
