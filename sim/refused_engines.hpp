#pragma once
#include "sim/engine.hpp"

namespace sonoforge {

/// An engine whose name is reserved: every use is refused with a clear message.
class RefusedEngine : public Engine {
 public:
  void fields(FieldVisitor&) override {}
  void check() const override {
    throw ConfigError("type",
                      "engine '" + name_ + "' is not in this version (only its name is reserved). Use 'type: scatterers'");
  }
  Acquisition simulate(const SimulationInput&) const override { return check(), Acquisition{}; }
  FieldResult field(const SimulationInput&, const FieldRequest&, std::size_t, FieldOutput) const override {
    return check(), FieldResult{};
  }

 protected:
  explicit RefusedEngine(std::string name) : name_(std::move(name)) {}

 private:
  std::string name_;
};

/// `type: full_wave`
struct FullWaveEngine : RefusedEngine {
  FullWaveEngine() : RefusedEngine("full_wave") {}
};

}  // namespace sonoforge
