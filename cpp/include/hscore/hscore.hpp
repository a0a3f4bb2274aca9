// Everything a C++ program needs: fill Moments from views, then call h_score.
#pragma once

#include "hscore/cross_validation.hpp"
#include "hscore/errors.hpp"
#include "hscore/evaluation.hpp"
#include "hscore/influence.hpp"
#include "hscore/labels.hpp"
#include "hscore/moments.hpp"
#include "hscore/parallel.hpp"
#include "hscore/row_blocks.hpp"
#include "hscore/saturation.hpp"
#include "hscore/scores.hpp"
#include "hscore/selection.hpp"
#include "hscore/shrinkage.hpp"
#include "hscore/targets.hpp"
#include "hscore/triangular_moments.hpp"
#include "hscore/views.hpp"
#include "hscore/whitening.hpp"
