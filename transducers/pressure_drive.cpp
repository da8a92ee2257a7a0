#include "transducers/pressure_drive.hpp"

#include <cmath>
#include <numbers>

namespace sonoforge {

std::complex<double> pressure_factor(double frequency, double pressure, double sound_speed) {
  return {0, 2 * std::numbers::pi * pressure / sound_speed * frequency};
}

namespace {

class PressureDrive final : public Pulse {
 public:
  PressureDrive(std::shared_ptr<const Pulse> pulse, double pressure, double sound_speed)
      : pulse_(std::move(pulse)), pressure_(pressure), sound_speed_(sound_speed) {}
  std::complex<double> spectrum(double frequency, std::size_t element) const override {
    return pressure_factor(frequency, pressure_, sound_speed_) * pulse_->spectrum(frequency, element);
  }
  double half_duration() const override { return pulse_->half_duration(); }
  double frequency() const override { return pulse_->frequency(); }
  bool per_element() const override { return pulse_->per_element(); }
  bool in_pascal() const override { return true; }

 private:
  std::shared_ptr<const Pulse> pulse_;
  double pressure_, sound_speed_;
};

}  // namespace

void PulseConfig::pressure_field(FieldVisitor& visit) {
  visit(pressure,
        {.key = "pressure",
         .doc = "Pressure on the faces of the elements where the drive is 1, before the probe's response; fields and "
                "echoes of model physical are then in Pa. Left out, they are relative.",
         .unit = Unit::pascal,
         .min = 1e-3,
         .max = 1e12});
}

std::shared_ptr<const Pulse> drive_in_pascal(std::shared_ptr<const Pulse> pulse, double pressure, double sound_speed) {
  return std::make_shared<PressureDrive>(std::move(pulse), pressure, sound_speed);
}

double face_area(const Element& element) {
  constexpr double pi = std::numbers::pi;
  const double radius = element.width / 2, bend = element.curvature_radius;
  switch (element.shape) {
    case Element::Shape::rectangle:
      return element.width * element.height;
    case Element::Shape::disc:
      return pi * radius * radius;
    case Element::Shape::bowl:
      return std::isfinite(bend) ? 2 * pi * bend * (bend - std::sqrt(bend * bend - radius * radius))
                                 : pi * radius * radius;
  }
  return 0;
}

}  // namespace sonoforge
