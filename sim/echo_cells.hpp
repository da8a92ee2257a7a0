#pragma once
#include <complex>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <span>
#include <vector>

#include "sim/echo_tables.hpp"
#include "sim/echo_tree.hpp"
#include "sim/equivalent_points.hpp"

namespace sonoforge {

/// The echoes of one cell on its way to the channels. Kept from cell to cell: memory is taken once.
template <class T>
struct CellEchoes {
  std::size_t bins = 0;
  std::vector<std::int64_t> starts;      ///< [transmit][element] sample of the complex record; `none`: no echo there
  std::vector<std::complex<T>> samples;  ///< [transmit][element][bin], where there is an echo
  static constexpr std::int64_t none = std::numeric_limits<std::int64_t>::min();
};

/// The complex records that cells are worked out for: demodulated by `low`, sampled at `width` from `origin` on.
struct EchoGrid {
  double low = 0, width = 0;  ///< [Hz]
  double origin = 0;          ///< [s]
  std::size_t length = 0;     ///< samples
};

/// Works out the echoes of one cell after another. Safe from many threads, each with a scratch of its own.
template <class T>
class EchoCells {
 public:
  /// Keeps references to all but the grid.
  EchoCells(const EchoModel& model, const Aperture& aperture, const SmoothResponse& response, const EchoBand& band,
            const std::vector<std::vector<Firing>>& firings, std::span<const double> scales, const EchoRecord& record,
            const EchoTree& tree, const EchoGrid& grid);

  struct Scratch {
    std::unique_ptr<SmoothResponse::Workspace> response;
    EchoWorkspace<T> echoes;
    EchoCell<T> cell;
    AlignedVector<T> waves, heard_waves, sent, drive, echo, matrix, outer_matrix, inner_drive, inner_echo, inner_waves,
        received, summed, basis, row, element_weights;
    std::vector<std::complex<T>> spectra;
    std::vector<EchoPoint<T>> points;
    SpreadWorkspace<T> spread;
    std::vector<double> real, imaginary;
  };

  void operator()(const TreeCell& cell, Scratch& scratch, CellEchoes<T>& result);

  /// What a cell takes while it is worked out, about: its scratch, and its echoes [bytes].
  double scratch_bytes(const TreeCell& cell) const;
  double echo_bytes(const TreeCell& cell) const;

 private:
  struct Arrivals;
  /// When the echoes of the cell come; no transmit is heard where they all miss the record.
  Arrivals arrivals(const TreeCell& cell, const ApertureNodes& nodes, CellEchoes<T>& result) const;
  /// exp(-i k range - a range + ...) over a block's bins, `stride` values from block to block; counts from `shift` [m].
  /// Times a weight.
  void wave(double range, double shift, double weight, std::size_t bins, T* out, std::size_t stride,
            AlignedVector<T>& row);
  /// Where elements are many strips and transmits many, one block of the whole elements' weights, waves included:
  /// [element][node][2][lane].
  bool by_elements(const Arrivals& arrivals, const ApertureNodes& nodes) const;
  void combine_strips(const ApertureNodes& nodes, std::size_t block, Scratch& scratch) const;
  void drive_nodes(const Arrivals& arrivals, const ApertureNodes& nodes, Scratch& scratch);
  void write_channels(const Arrivals& arrivals, const ApertureNodes& nodes, Scratch& scratch, CellEchoes<T>& result);
  void sum_inside(const TreeCell& cell, const ApertureNodes& nodes, std::size_t bins, std::size_t transmits,
                  Scratch& scratch);
  void prepare(const TreeCell& cell, const ApertureNodes& nodes, std::size_t bins, Scratch& scratch);
  void place_points(const TreeCell& cell, Scratch& scratch) const;
  double bins_of(const TreeCell& cell) const;
  void place_amplitudes(const TreeCell& cell, const ApertureNodes& nodes, const FrequencyNodes& frequencies,
                        Scratch& scratch) const;
  /// Adds to echo [transmit][block][node][2][lane].
  void sum_over_scatterers(std::size_t transmits, const T* drive, T* echo, Scratch& scratch) const;

  double weight_of(std::size_t sender) const { return aperture_.strip_weight(sender % aperture_.strips()); }

  const EchoModel& model_;
  const Aperture& aperture_;
  const SmoothResponse& response_;
  const EchoBand& band_;
  const std::vector<std::vector<Firing>>& firings_;
  std::span<const double> scales_;
  const EchoRecord& record_;
  const EchoTree& tree_;
  EchoGrid grid_;
  std::size_t elements_, senders_;  // strips of elements
  EchoTables<T> tables_;
};

extern template class EchoCells<float>;
extern template class EchoCells<double>;

}  // namespace sonoforge
