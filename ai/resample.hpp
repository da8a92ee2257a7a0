#pragma once
#include <cstddef>
#include <span>
#include <vector>

namespace sonoforge {

/// Values [rows, columns] on another number of rows and columns over the same area: linear between pixel centres, and
/// where that makes pixels larger, the triangle is as wide as they are, so that nothing is skipped. Weights sum to one;
/// equal sizes give back the same values. Non-finite values are not allowed.
std::vector<float> resample(std::span<const float> values, std::size_t rows, std::size_t columns, std::size_t new_rows,
                            std::size_t new_columns);

}  // namespace sonoforge
