// What the tests must know of the instruction set that the core beside them was compiled for.
#pragma once

namespace testing {

/// This CPU has that instruction set.
bool cpu_can_run_this();

/// The kernel multiplies pairs of rows of 16-bit integers.
bool has_row_pairs();

/// The instruction that only some CPUs of this set have gives the bits of those that all have; true
/// where there is none.
bool fused_pairs_agree();

/// What it makes of rows of the largest digits there are, and of any, is their exact product but
/// for the unit that it is rounded to; true where there is none.
bool tile_products_agree();

}  // namespace testing
