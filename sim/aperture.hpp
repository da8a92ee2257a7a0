#pragma once
#include <array>
#include <cstddef>
#include <vector>

#include "sim/row_wave.hpp"
#include "transducers/probe.hpp"

namespace sonoforge {

/// Position and axes of an element; vertical = cross(normal, lateral).
struct ElementFrame {
  Vec3 position, lateral, vertical, normal;
  /// A point in the axes of the element: x along the width, y along the height, z along the normal [m].
  Vec3 local(Vec3 point) const {
    const Vec3 d = point - position;
    return {dot(d, lateral), dot(d, vertical), dot(d, normal)};
  }
};
ElementFrame frame_of(const Element& element);

/// A part of an element, as high as it is, that sends and hears by itself.
struct Strip {
  double offset = 0;  ///< of its middle from that of the element, in widths of the element
  double width = 0;   ///< in widths of the element; 0: a line
  double weight = 1;  ///< of its response in that of the element
};

/// A box of scatterers, axes along the world's [m].
struct Cell {
  Vec3 centre, half;
  double radius() const { return norm(half); }
};

/// The places of an aperture from which one cell is seen, and how each element's response follows from theirs.
///
/// Within a cell, the response of an element relative to that at the cell's centre is a smooth function of the angle
/// at which the cell sees the element: it is interpolated from a few places along a row of equal elements (Chebyshev
/// in the angle), virtual elements that may stand between real ones. Where that does not pay, each element is a node.
struct ApertureNodes {
  std::vector<ElementFrame> frames;  ///< [node]
  std::vector<std::size_t> kinds;    ///< [node] which kind of element stands there (Aperture::kind)
  std::vector<float> weights;        ///< [element][node]; empty: node i is element elements[i]
  std::vector<std::size_t> elements; ///< the elements that see the cell; rows of weights
  std::vector<std::size_t> rows;     ///< [node] which row of the aperture it stands in, ascending
  std::vector<double> parameters;    ///< [node] where in that row
};

/// How many nodes a cell needs.
struct NodeCount {
  std::size_t nodes = 0;   ///< of Aperture::nodes
  std::size_t inside = 0;  ///< of Aperture::nodes_within, unless the outer cell has fewer
  bool whole = false;      ///< all elements have the cell before them, so that it may hold others inside
};

/// A probe's elements sorted into rows of equal ones: straight lines and arcs. Elements that fit none stand alone.
class Aperture {
 public:
  /// `strips`: how each element is divided along its width; what is said of elements here then holds for strips, element
  /// after element. Empty: not divided.
  Aperture(const Probe& probe, int dimensions, const std::vector<Strip>& strips = {});

  std::size_t strips() const { return strip_weights_.size(); }  ///< of an element, at least 1
  double strip_weight(std::size_t strip) const { return strip_weights_[strip]; }
  const std::vector<ElementFrame>& frames() const { return frames_; }  ///< [element]
  std::size_t kind(std::size_t element) const { return kinds_[element]; }
  std::size_t kinds() const { return representatives_.size(); }
  /// An element of this kind.
  std::size_t representative(std::size_t kind) const { return representatives_[kind]; }

  /// Nodes for a cell, such that exp(-i k R) with any k up to `wavenumber` [rad/m] is interpolated to `tolerance`;
  /// `extra_span`: half of what the phase of the smooth factor varies along the aperture [rad]. `apart`: each element
  /// is a node, also those behind which the cell lies.
  ApertureNodes nodes(const Cell& cell, double wavenumber, double tolerance, double extra_span, bool apart) const;
  /// How many nodes that would be; quick.
  NodeCount node_count(const Cell& cell, double wavenumber, double tolerance, double extra_span, bool apart) const;
  /// Nodes for a cell inside of another whose nodes are `outer` and which all elements have before them: the responses
  /// of the outer nodes follow from those of few inner ones. weights: [outer node][node], elements: the outer nodes.
  ApertureNodes nodes_within(const ApertureNodes& outer, const Cell& cell, double wavenumber, double tolerance,
                             double extra_span) const;

 private:
  struct Row {
    std::vector<std::size_t> elements;   // in order of the parameter
    std::vector<double> parameters;      // of each element: length along the line [m] or angle on the arc [rad]
    std::size_t kind = 0;
    bool arc = false;
    ElementFrame first;                  // line: frame at parameter 0; arc: frame at angle 0
    Vec3 direction;                      // line
    Vec3 centre;                         // arc
    double radius = 0;                   // arc
    ElementFrame at(double parameter) const;
  };
  /// How a cell sees a row: the angle of a parameter and back.
  struct View {
    double centre = 0;    // parameter nearest to the cell
    double distance = 0;  // of the row from the cell [m]
    double scale = 1;     // arc: 2 sqrt(radius * distance of the cell from its centre) [m]
    double angle(const Row& row, double parameter) const;
    double parameter(const Row& row, double angle) const;
  };
  View view(const Row& row, const Cell& cell) const;
  struct Plan {
    double first = 0, last = 0;      // angles between which nodes are spread
    std::size_t count = 0;           // of interpolated nodes
    std::size_t wanted = 0;          // the same, even where each element is a node
    std::vector<std::size_t> inner;  // positions in the row that are interpolated
    std::vector<std::size_t> alone;  // positions in the row that are nodes themselves
  };
  Plan plan(const Row& row, const View& view, const Cell& cell, double wavenumber, double tolerance, double extra_span,
            bool apart) const;

  /// Chebyshev places in the angle, with the weights that lead from them to any other place of a row.
  class Places;
  /// Count of nodes for cells that see the row at small angles.
  std::size_t few_nodes(const Row& row, const View& view, const Plan& plan, const Cell& cell, double wavenumber,
                        double tolerance, double extra_span) const;
  /// What the row sends to the cell, for the count of nodes at others.
  RowWave row_wave(const Row& row, const View& view, const Plan& plan, const Cell& cell, double wavenumber) const;

  int dimensions_;
  std::vector<double> strip_weights_;
  double baffle_, elevation_focus_;
  std::vector<Vec3> half_sizes_;  // [kind] along width, height and normal [m]
  std::vector<ElementFrame> frames_;
  std::vector<std::size_t> kinds_, representatives_;
  std::vector<Row> rows_;
};

}  // namespace sonoforge
