#pragma once
#include <string>
#include <vector>

#include "core/fields.hpp"
#include "core/image.hpp"
#include "core/random.hpp"

namespace sonoforge {

/// The section `annotator:`, a simulated reader who draws the outlines of structures, not quite where they are. The
/// result is the label "annotation", classes as in the segmentation, beside the exact truth.
///
/// A drawn outline lies bias + e(p) outside the true one, e a normal random field of the rms `jitter` whose correlation
/// falls as exp(-r^2 / (2 l^2)), l = `correlation`. A structure, a connected part of a class, is missed with a
/// probability; invented ones are discs at random places without a class, their number a Poisson number.
struct AnnotatorConfig : Configurable {
  double bias = 0;                   ///< outward [m]
  double jitter = 0.3e-3;            ///< rms of the outline's error [m]
  double correlation = 2e-3;         ///< length along the outline [m]
  double missed = 0;                 ///< probability that a structure is not drawn
  double invented = 0;               ///< mean number of discs drawn where nothing is
  double invented_radius = 2e-3;     ///< median [m]
  double invented_spread = 0.3;      ///< standard deviation of its logarithm
  std::vector<std::string> classes;  ///< that the reader looks for; empty = all. Invented ones belong to the first
  void fields(FieldVisitor& visit) override;

  /// The annotation of a segmentation; a pure function of both and the stream. Throws `ConfigError("classes", ...)` for
  /// a class that the segmentation lacks.
  LabelMap annotate(const LabelMap& segmentation, const RandomStream& random) const;
};

}  // namespace sonoforge
