#include "phantoms/tissue.hpp"

#include <cmath>
#include <limits>

namespace sonoforge {

void Tissue::fields(FieldVisitor& visit) {
  visit(name, {.key = "name", .doc = "Written to files and legends."});
  visit(sound_speed, {.key = "sound_speed", .doc = "At the pulse's centre frequency.", .unit = Unit::metre_per_second, .min = 100, .max = 10000});
  visit(density, {.key = "density", .doc = "Mass density.", .unit = Unit::kilogram_per_cubic_metre, .min = 1, .max = 30000});
  visit(attenuation, {.key = "attenuation", .doc = "Loss of amplitude, a power of frequency.", .unit = Unit::attenuation});
  visit(nonlinearity, {.key = "nonlinearity", .doc = "B/A; the linear engines do not need it.", .min = 0, .max = 100});
  visit(scatterer_density, {.key = "scatterer_density", .doc = "Point scatterers a volume; in a phantom whose extent is one plane, a millimetre thick slice of it is meant.",
                            .unit = Unit::per_cubic_metre, .min = 0, .max = 1e15});
  visit(scatterer_strength, {.key = "scatterer_strength", .doc = "Root mean square amplitude of one scatterer, relative.", .min = 0, .max = 1e12});
  visit(backscatter, {.key = "backscatter", .doc = "Backscatter coefficient at the pulse's frequency, instead of scatterer_strength; absolute where the pulse has a pressure.",
                      .unit = Unit::per_metre_steradian, .min = 0, .max = 1e12});
  visit(scattering_exponent, {.key = "scattering_exponent", .doc = "Scattered amplitude grows as this power of frequency (default: 2, and 0 under model simus).",
                              .min = -4, .max = 8});
}

void Tissue::check() const {
  if (!(sound_speed > 0)) throw ConfigError("sound_speed", "the sound speed is not above zero (waves would stand still). Write for example 1540 m/s");
  if (backscatter && *backscatter > 0 && !(scatterer_density > 0))
    throw ConfigError("backscatter", "a backscatter coefficient is given without scatterers (nothing would scatter). Add for example 'scatterer_density: 20 /mm^3'");
  if (!(density > 0)) throw ConfigError("density", "the density is not above zero. Write for example 1000 kg/m^3");
}

double Tissue::strength() const {
  if (!backscatter) return scatterer_strength;
  return scatterer_density > 0 ? std::sqrt(*backscatter / scatterer_density) : 0;
}

double Tissue::echogenicity() const {
  const double power = scatterer_density * strength() * strength();
  return power > 0 ? 10 * std::log10(power) : -std::numeric_limits<double>::infinity();
}

namespace {

// Density of scatterers in speckling tissue: about 14 in a resolution cell of 0.3 mm x 0.3 mm x 1.5 mm, well over the ten that
// make speckle fully developed [wagner1983].
constexpr double speckle_density = 100e9;

struct Row {
  const char* name;
  const char* doc;
  double sound_speed, density;
  Attenuation attenuation;
  double nonlinearity;
  double echo_db;  ///< backscatter relative to liver [dB]
};

// Values for body temperature, rounded as their compilations give them; compilations differ from each other by a few per cent in speed
// and density and by up to a factor of two in attenuation. Beside each row stands its source: in full where one covers the row, else by
// column as c (speed), rho (density), a (attenuation and its exponent; 1 where the source gives dB/cm/MHz) and B/A. "Ours" marks a value
// chosen between those of similar tissues, for want of a published mean. Echo levels are ours throughout: what clinical images show next to
// liver at 3 to 8 MHz. Heart and kidney do scatter less than liver [fei1985]; blood is so faint that vessels look empty.
// Compared so far with public copies of their sources: water (c, rho, a), fat (c, rho), skin (a), breast_glandular (rho, a), tumour (c) and the
// attenuation of kidney, heart_muscle and connective_tissue. The others still await a reading of the printed books.
constexpr double none = -300;
const Row rows[] = {
    // c [delgrosso1972] at 37 degC; rho, a [itis2018]; B/A [duck1990]
    {"water", "Water at 37 degC: no echoes.", 1524, 993, {0.0022, 2}, 5.2, none},
    // c, rho [mast2000]; a, B/A [szabo2014, App. B]
    {"blood", "Whole blood.", 1584, 1060, {0.14, 1.21}, 6.0, -32},
    // c, rho [itis2018]; a [szabo2014, App. B]; B/A [duck1990]
    {"fat", "Subcutaneous fat.", 1440, 911, {0.6, 1.0}, 10.0, -6},
    // c, rho, a [mast2000]; B/A [szabo2014, App. B]
    {"muscle", "Skeletal muscle.", 1580, 1050, {0.74, 1.0}, 7.4, -3},
    // c, rho [mast2000]; a [itis2018]; B/A [duck1990]
    {"skin", "Skin.", 1615, 1090, {1.84, 1.0}, 7.9, 8},
    // c, rho [mast2000]; a [szabo2014, App. B]; B/A [duck1990]
    {"liver", "Liver: the level to which echoes of others are relative.", 1595, 1060, {0.45, 1.05}, 6.8, 0},
    // c, rho, a [mast2000]; B/A [duck1990]
    {"kidney", "Kidney cortex.", 1560, 1050, {1.0, 1.0}, 7.4, -4},
    // rho [itis2018]; c, a, B/A [szabo2014, App. B]
    {"breast_glandular", "Fibroglandular tissue of the breast.", 1510, 1041, {0.75, 1.5}, 9.6, 3},
    // c [li2009], malignant lesions of the breast; rho, a, B/A ours
    {"tumour", "Solid, darker than its surroundings, as many carcinomas.", 1548, 1050, {0.9, 1.3}, 7.0, -9},
    // Ours: a protein solution between water and blood plasma
    {"cyst", "Simple cyst: clear fluid.", 1535, 1010, {0.02, 1.6}, 5.4, none},
    // c, rho [itis2018]; a [culjat2010]; B/A not measured
    {"skull_bone", "Cortical bone of the skull.", 2814, 1908, {6.9, 1.0}, 0, 12},
    // c, rho, a [culjat2010]; B/A ours
    {"tendon", "Tendon along its fibres.", 1670, 1100, {4.7, 1.0}, 7.0, 6},
    // rho [itis2018]; c, a, B/A ours
    {"thyroid", "Thyroid gland.", 1560, 1050, {0.5, 1.1}, 7.0, 4},
    // c, rho, a [mast2000]; B/A [duck1990]
    {"heart_muscle", "Myocardium.", 1576, 1060, {0.52, 1.0}, 7.1, -5},
    // The conventions of scanners: 1540 m/s and 0.5 dB/cm/MHz; the rest ours
    {"soft_tissue", "The average that scanners assume.", 1540, 1000, {0.5, 1.0}, 6.0, 0},
    // c, rho, a [mast2000]; B/A ours
    {"connective_tissue", "Connective tissue, fascia.", 1613, 1120, {1.57, 1.0}, 7.0, 7},
    // Ours: between muscle and connective tissue
    {"wall", "Wall of a large vessel.", 1600, 1075, {1.0, 1.0}, 7.0, 5},
};

Tissue make(const Row& row) {
  Tissue tissue;
  tissue.name = row.name;
  tissue.sound_speed = row.sound_speed;
  tissue.density = row.density;
  tissue.attenuation = row.attenuation;
  tissue.nonlinearity = row.nonlinearity;
  if (row.echo_db > none) {
    tissue.scatterer_density = speckle_density;
    tissue.scatterer_strength = std::pow(10.0, row.echo_db / 20);
  }
  return tissue;
}

}  // namespace

const Catalog& tissue_catalog() {
  static const Catalog catalog = [] {
    Catalog c{"tissue", "Acoustic properties: a name, or a mapping (with type: NAME for changes to a known tissue).",
              {row_of<Tissue>("custom", "Any values; the defaults are those of a medium without loss and echoes.")}, {}, "custom"};
    for (const Row& row : rows)
      c.presets.push_back({row.name, row.doc, [&row] { return std::make_shared<Tissue>(make(row)); }, "custom"});
    return c;
  }();
  return catalog;
}

}  // namespace sonoforge
