#pragma once
/// One function a file format.

#include <raphson/problems/readers.hpp>
#include <raphson/problems/reading/line_stream.hpp>

namespace raphson::reading {

Dataset read_delimited(LineStream& lines, const ReadOptions& options);
Dataset read_libsvm(LineStream& lines, const ReadOptions& options);
Dataset read_matrix_market(LineStream& lines, const ReadOptions& options);
DataMatrix read_matrix(LineStream& lines);  ///< Matrix Market, all columns alike

/// Whether a line looks like LIBSVM's "label index:value index:value ...".
bool looks_like_libsvm(std::string_view line);
/// Whether a line is the "%%MatrixMarket" banner.
bool looks_like_matrix_market(std::string_view line);

/// Remarks on the file as a whole that every format may have to make.
void add_notes(const LineStream& lines, Dataset& data);

}  // namespace raphson::reading
