#pragma once
#include <array>
#include <cstddef>
#include <span>
#include <vector>

namespace sonoforge {

/// Dense owning array, row-major (last axis contiguous), zero-initialised.
template <class T, std::size_t Rank>
class NdArray {
 public:
  using Shape = std::array<std::size_t, Rank>;

  NdArray() = default;
  explicit NdArray(Shape shape) : shape_(shape), values_(count(shape)) {}
  NdArray(Shape shape, T fill) : shape_(shape), values_(count(shape), fill) {}

  const Shape& shape() const { return shape_; }
  std::size_t extent(std::size_t axis) const { return shape_[axis]; }
  std::size_t size() const { return values_.size(); }
  bool empty() const { return values_.empty(); }

  T* data() { return values_.data(); }
  const T* data() const { return values_.data(); }
  std::span<T> flat() { return values_; }
  std::span<const T> flat() const { return values_; }

  template <class... I>
  T& operator()(I... i) { return values_[offset(i...)]; }
  template <class... I>
  const T& operator()(I... i) const { return values_[offset(i...)]; }

  /// The contiguous last-axis row at the given leading indices.
  template <class... I>
  std::span<T> row(I... i) {
    static_assert(sizeof...(I) == Rank - 1);
    return {values_.data() + offset(i..., 0), shape_[Rank - 1]};
  }
  template <class... I>
  std::span<const T> row(I... i) const {
    static_assert(sizeof...(I) == Rank - 1);
    return {values_.data() + offset(i..., 0), shape_[Rank - 1]};
  }

  friend bool operator==(const NdArray&, const NdArray&) = default;

  static std::size_t count(const Shape& shape) {
    std::size_t n = 1;
    for (auto e : shape) n *= e;
    return n;
  }

 private:
  template <class... I>
  std::size_t offset(I... i) const {
    static_assert(sizeof...(I) == Rank);
    std::size_t index = 0, axis = 0;
    ((index = index * shape_[axis++] + static_cast<std::size_t>(i)), ...);
    return index;
  }

  Shape shape_{};
  std::vector<T> values_;
};

}  // namespace sonoforge
