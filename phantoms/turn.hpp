#pragma once
#include <cmath>

#include "core/vec3.hpp"

namespace sonoforge {

/// The axes of a body that was turned about x, then y, then z, each right-handed [rad].
struct Turn {
  Vec3 ex{1, 0, 0}, ey{0, 1, 0}, ez{0, 0, 1};  ///< of the body, in the world
  explicit Turn(Vec3 angles) {
    for (Vec3* e : {&ex, &ey, &ez}) {
      Vec3 v = *e;
      const double cx = std::cos(angles.x), sx = std::sin(angles.x), cy = std::cos(angles.y), sy = std::sin(angles.y),
                   cz = std::cos(angles.z), sz = std::sin(angles.z);
      v = {v.x, cx * v.y - sx * v.z, sx * v.y + cx * v.z};
      v = {cy * v.x + sy * v.z, v.y, -sy * v.x + cy * v.z};
      v = {cz * v.x - sz * v.y, sz * v.x + cz * v.y, v.z};
      *e = v;
    }
  }
  Vec3 to_local(Vec3 v) const { return {dot(v, ex), dot(v, ey), dot(v, ez)}; }
  Vec3 to_world(Vec3 v) const { return v.x * ex + v.y * ey + v.z * ez; }
};

}  // namespace sonoforge
