#pragma once
/// Instruction sets that the library's kernels are compiled for: included before hwy/foreach_target.h.

// Below AVX2 nothing is worth the time to compile it: such machines take the scalar code.
// Vectors of unknown length (SVE, RVV) cannot be kept in arrays.
#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_SSE4 | HWY_SVE | HWY_SVE2 | HWY_SVE_256 | HWY_SVE2_128 | HWY_RVV)
