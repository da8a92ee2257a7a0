#pragma once
#include "sim/smooth_response.hpp"
#include "sim/surface_quadrature.hpp"

namespace sonoforge {

/// The integral A(x, f) over one kind of element in its own axes, by quadrature.
class ElementIntegral {
 public:
  ElementIntegral(const Probe& probe, const Element& element, int dimensions, double wavenumber, double tolerance);

  const Element& element() const { return element_; }
  int dimensions() const { return integral_.dimensions; }

  void values(Vec3 local, const FrequencyNodes& frequencies, SurfaceNodes& nodes, double* real,
              double* imaginary) const;
  double distance(Vec3 local) const;

 private:
  Element element_;
  SurfaceIntegral integral_;
  double centre_frequency_;
};

}  // namespace sonoforge
