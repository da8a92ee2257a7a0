#pragma once
#include <array>
#include <cstddef>

namespace sonoforge {

/// sRGB, each 0 to 1.
struct Colour {
  double r = 0, g = 0, b = 0;
};

/// Colours of classes, in the order in which they are used: the eight of [okabe2008] with yellow and grey late, then
/// those of a grid of sRGB that lie farthest from all before them, for normal, protan, deutan and tritan sight
/// [machado2009] at once. Any two differ by at least 25 (CIE 1976 colour difference) to normal sight and by three just
/// noticeable differences of 2.3 [mahy1994] to each of the others.
constexpr std::array<Colour, 24> class_colours{
    {{0.902, 0.624, 0.000}, {0.337, 0.706, 0.914}, {0.000, 0.620, 0.451}, {0.800, 0.475, 0.655}, {0.835, 0.369, 0.000},
     {0.941, 0.894, 0.259}, {0.000, 0.447, 0.698}, {0.600, 0.600, 0.600}, {0.588, 0.000, 1.000}, {0.000, 1.000, 0.529},
     {0.882, 0.000, 0.294}, {0.353, 0.235, 0.765}, {0.647, 1.000, 0.941}, {0.294, 0.353, 0.176}, {0.647, 0.000, 0.471},
     {0.529, 0.529, 0.941}, {0.706, 0.647, 0.294}, {1.000, 0.706, 0.647}, {0.882, 0.824, 1.000}, {0.529, 0.294, 0.000},
     {0.647, 0.882, 0.353}, {0.941, 0.118, 0.765}, {0.529, 0.706, 0.471}, {0.882, 1.000, 0.059}}};

/// Of a class by its number; they repeat after the last.
constexpr Colour class_colour(std::size_t number) {
  return class_colours[number % class_colours.size()];
}

}  // namespace sonoforge
