#pragma once
/// Every sketch that comes with the library. Each function gives the kind; kind->make(s, N, seed) draws one.

#include <raphson/core/sketch.hpp>

namespace raphson {

/// Independent N(0, 1/s) entries. 2sNk flops.
std::shared_ptr<const SketchKind> gaussian_sketch();
/// Subsampled randomized Hadamard transform: S = √(N′/s) P H D, N′ the next power of two.
std::shared_ptr<const SketchKind> srht_sketch();
/// Subsampled randomized cosine transform (FFTW). Null-free only when built with FFTW: throws InputError naming the option otherwise.
std::shared_ptr<const SketchKind> fourier_sketch();
/// One ±1 a column (Clarkson, Woodruff 2013).
std::shared_ptr<const SketchKind> count_sketch();
/// `nonzeros` entries ±1/√nonzeros a column, in distinct rows drawn without replacement.
std::shared_ptr<const SketchKind> sparse_sign_sketch(Index nonzeros = 8);
/// s rows drawn uniformly without replacement, scaled by √(N/s).
std::shared_ptr<const SketchKind> uniform_rows_sketch();
/// s rows drawn with replacement, half of the probability proportional to estimates of ‖aᵢ‖² (for A = D^{1/2}C: the weights D times the
/// lengths of the rows), half uniform. Looks at A: make_for only. 16 products with A besides, as one.
std::shared_ptr<const SketchKind> norm_rows_sketch();
/// The same with estimates of the leverage scores aᵢᵀ(AᵀA)⁻¹aᵢ, from a sparse sign sketch of 4k rows (Drineas, Magdon-Ismail, Mahoney,
/// Woodruff 2012): as robust on coherent rows as a dense sketch.
std::shared_ptr<const SketchKind> leverage_rows_sketch();

/// For A = Jᵀ of a two-layer network, rows r·d + k for neuron r and feature k of d = `features` (N a multiple of d, else InputError):
/// TensorSketch, a CountSketch of neurons ⊗ features whose row is h(r) + h′(k) mod s, sign σ(r)σ′(k) (Pham, Pagh 2013; Avron, Nguyen,
/// Woodruff 2014). Column u ⊗ v is sketched from its factors, never forming Jᵀ: m + s·nnz(v) operations instead of md, or m + d and three
/// FFTs of length s where nnz(v) is several times log₂ s (with FFTW).
std::shared_ptr<const SketchKind> tensor_sketch(Index features);
/// The same for ⌊s/d⌋ neurons drawn uniformly without replacement, all d rows of each, scaled by √(m/⌊s/d⌋). Fails where few neurons
/// tell points apart (near-duplicates, d ≤ 3): the solvers notice and fall back.
std::shared_ptr<const SketchKind> uniform_neurons_sketch(Index features);
/// ⌊s/d⌋ neurons drawn with replacement, half of the probability proportional to estimates of their ridge leverage (the sum of that of
/// their rows, λ = 1e-6 of the mean diagonal of AᵀA), half uniform. Finds the neurons that alone tell points apart. Looks at A: make_for
/// only, at the price of AᵀA, k³/3 flops and 16 products with A.
std::shared_ptr<const SketchKind> leverage_neurons_sketch(Index features);

}  // namespace raphson
