// Engine scatterers against engine exact where few scatterers lie far apart, some of them close to the face: cells are
// then about as wide as they are far from the elements, and what holds at their centres does not hold at their corners.
#include <gtest/gtest.h>

#include "core/progress.hpp"
#include "tests/sim/against_exact.hpp"
#include "transducers/burst.hpp"
#include "transducers/plane_waves.hpp"
#include "transducers/probe_library.hpp"

namespace sonoforge {
namespace {

using namespace against_exact;

/// `count` scatterers over +-20 x 1 to 80 mm before some elements of P4-2v, one plane wave.
Setting sparse(std::uint64_t number, std::size_t elements, Exact::Model model, std::size_t count, double accuracy) {
  Draw draw(number);
  Setting s;
  const bool simus = model == Exact::Model::simus;
  s.engine.model = model, s.engine.dimensions = simus ? 2 : 3, s.engine.accuracy = accuracy;
  s.probe = Typed<ProbeConfig>::make(probe_catalog(), "P4-2v")->build();
  const Element one = s.probe.elements.front();
  s.probe.elements.assign(elements, one);
  for (std::size_t n = 0; n < elements; ++n)
    s.probe.elements[n].position.x = (static_cast<double>(n) - static_cast<double>(elements - 1) / 2) * s.probe.pitch;
  PlaneWaves waves;
  waves.angles = {0};
  s.sequence = waves.build(s.probe, s.phantom.background.sound_speed);
  s.pulse = BurstConfig().build(s.probe);
  for (std::size_t i = 0; i < count; ++i) {
    const double x = draw.between(-20e-3, 20e-3), y = simus ? 0 : draw.between(-2e-3, 2e-3),
                 z = draw.between(1e-3, 80e-3);
    s.phantom.scatterers.positions.push_back({x, y, z});
    s.phantom.scatterers.amplitudes.push_back(draw.normal());
  }
  s.receive.sampling_rate = 4 * s.probe.frequency, s.receive.depth = 80e-3;
  s.what = std::to_string(number) + ": " + std::to_string(elements) + " elements, " + std::to_string(count) +
           (simus ? " scatterers, simus" : " scatterers, physical") + ", accuracy " + std::to_string(accuracy);
  return s;
}

void check(std::size_t elements, Exact::Model model, std::uint64_t scenes) {
  set_quiet(true);
  for (double accuracy : {1e-3, 1e-5})
    for (std::size_t count : {3, 12, 40})
      for (std::uint64_t number = 0; number < scenes; ++number) {
        const Setting setting = sparse(7000 + number, elements, model, count, accuracy);
        ASSERT_TRUE(setting.engine.is_fast(setting.input())) << setting.what;
        EXPECT_LE(difference_from_exact(setting), accuracy) << setting.what;
      }
}

// A corner across the direction of sight is farther off than the box's size along it: echoes of it are behind those of
// the centre by more than that.
TEST(WideCells, EchoesOfCornersAreRecorded) {
  check(16, Exact::Model::simus, 8);
}
// Paths from an element's edges differ from those of its centre more at the cell's near end than at its centre.
TEST(WideCells, TallElementsBeforeNearEnds) {
  check(32, Exact::Model::physical, 3);
}

}  // namespace
}  // namespace sonoforge
