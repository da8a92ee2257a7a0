#include "ai/model_input.hpp"

#include <algorithm>
#include <cmath>
#include <complex>

#include "ai/resample.hpp"
#include "core/error.hpp"
#include "io/config.hpp"
#include "io/file_checks.hpp"
#include "recon/delay_and_sum.hpp"
#include "recon/envelope.hpp"
#include "recon/pulse_compression.hpp"

namespace sonoforge {
namespace {

/// The transmits from `first` on, of the first frame.
Acquisition part_of(const Acquisition& all, std::size_t kept) {
  const std::size_t transmits = all.transmits(), count = kept == 0 ? transmits : std::min(kept, transmits), first = (transmits - count) / 2;
  Acquisition one = all;
  one.components.clear();
  const std::size_t block = all.channels() * all.samples_per_channel();
  const auto cut = [&](const NdArray<float, 4>& from, NdArray<float, 4>& to) {
    if (from.empty()) return;
    to = NdArray<float, 4>({1, count, all.channels(), all.samples_per_channel()});
    std::copy_n(from.data() + first * block, count * block, to.data());
  };
  cut(all.samples, one.samples);
  cut(all.samples_q, one.samples_q);
  const auto from = static_cast<std::ptrdiff_t>(first), to = static_cast<std::ptrdiff_t>(first + count);
  if (one.start.size() == transmits) one.start = {all.start.begin() + from, all.start.begin() + to};
  if (one.sequence.transmits.size() == transmits)
    one.sequence.transmits = {all.sequence.transmits.begin() + from, all.sequence.transmits.begin() + to};
  return one;
}

void silence(Acquisition& acquisition, const std::function<bool(std::size_t)>& dead) {
  const std::size_t length = acquisition.samples_per_channel(), channels = acquisition.channels();
  for (auto* samples : {&acquisition.samples, &acquisition.samples_q})
    for (std::size_t record = 0; record * length < samples->size(); ++record)
      if (dead(record % channels)) std::fill_n(samples->data() + record * length, length, 0.0F);
}

void add_noise(Acquisition& acquisition, double relative, std::uint64_t key) {
  double power = 0;
  for (const float v : acquisition.samples.flat()) power += double{v} * v;
  const double deviation = relative * std::sqrt(power / static_cast<double>(acquisition.samples.size()));
  const RandomStream random(key, 0, "channel noise");
  std::uint64_t counter = 0;
  for (auto* samples : {&acquisition.samples, &acquisition.samples_q})
    for (std::size_t i = 0; i < samples->size(); i += 2, ++counter) {
      const auto pair = random.normal_pair_at(counter);
      samples->data()[i] += static_cast<float>(deviation * pair[0]);
      if (i + 1 < samples->size()) samples->data()[i + 1] += static_cast<float>(deviation * pair[1]);
    }
}

Acquisition altered(const Acquisition& all, std::size_t kept, const Alteration& alteration) {
  Acquisition one = part_of(all, alteration.transmits == 0 ? kept : (kept == 0 ? alteration.transmits : std::min(kept, alteration.transmits)));
  if (alteration.channel_noise > 0) add_noise(one, alteration.channel_noise, alteration.noise_key);
  if (!alteration.dead.empty())
    silence(one, [&](std::size_t channel) { return channel < alteration.dead.size() && alteration.dead[channel] != 0; });
  one.sound_speed += alteration.sound_speed_error;
  return one;
}

struct PulseAlone : Configurable {
  Typed<PulseConfig> pulse = Typed<PulseConfig>::make(pulse_catalog(), "burst");
  void fields(FieldVisitor& visit) override { visit.typed(pulse, pulse_catalog(), {.key = "pulse", .doc = "The drive."}); }
};

struct BeamformerAlone : Configurable {
  Typed<Beamformer> beamformer = Typed<Beamformer>::make(beamformer_catalog(), "delay_and_sum");
  void fields(FieldVisitor& visit) override { visit.typed(beamformer, beamformer_catalog(), {.key = "beamformer", .doc = "How channel data become an image."}); }
};

struct CompensationAlone : Configurable {
  Attenuation compensation;
  void fields(FieldVisitor& visit) override { visit(compensation, {.key = "compensation", .doc = "Depth gain.", .unit = Unit::attenuation}); }
};

/// One entry of a config, read by itself.
void read_alone(Configurable& into, const std::string& key, const ConfigNode* node, const std::string& origin) {
  if (!node) return;
  ConfigTree alone = ConfigTree::parse("", origin);
  alone.root().entries.push_back({key, node->where, *node});
  alone.read(into);
}

/// Through the matched filter of the pulse where the config that the file holds asks for it, as `run` does.
Acquisition compressed(Acquisition acquisition, const ZeaFile& content, const std::string& file) {
  if (content.config.empty()) return acquisition;
  const ConfigTree tree = ConfigTree::parse(content.config, file + "/sonoforge/config");
  const ConfigNode *image = tree.root().find("image"), *pulse = tree.root().find("pulse");
  const ConfigNode* const asked = image ? image->find("pulse_compression") : nullptr;
  std::optional<bool> compression;
  if (asked && asked->kind == ConfigNode::Kind::scalar) compression = asked->scalar == "on" || asked->scalar == "true";
  PulseAlone own;
  read_alone(own, "pulse", pulse, file + "/sonoforge/config");
  if (!compresses_pulse(compression, own.pulse.type)) return acquisition;
  return compress_pulse(acquisition, *own.pulse->build(acquisition.probe));
}

void compensate(const InputConfig& config, const Acquisition& acquisition, ComplexMap& map) {
  const double rate = 2 * config.compensation.nepers_per_metre(acquisition.centre_frequency);
  if (rate == 0) return;
  const PixelGrid& grid = map.grid;
  for (std::size_t iz = 0; iz < grid.z.count; ++iz) {
    const double depth = grid.z.at(iz) + (grid.kind == PixelGrid::Kind::polar ? grid.apex_depth : 0);
    const auto gain = static_cast<float>(std::exp(std::min(rate * std::max(depth, 0.0), 60.0)));
    for (auto& value : map.values.row(iz, 0)) value *= gain;
  }
}

ComplexMap beamformed(const InputConfig& config, const Acquisition& acquisition, const PixelGrid& grid) {
  ComplexMap map = std::move(config.beamformer->beamform(acquisition, grid).front());
  compensate(config, acquisition, map);
  return map;
}

/// Each group beamformed by itself.
std::vector<ComplexMap> groups_of(const InputConfig& config, const Acquisition& acquisition, const PixelGrid& grid, const std::string& file) {
  std::vector<ComplexMap> maps;
  if (config.of_aperture) {
    try {
      maps = config.beamformer->beamform_parts(acquisition, grid, config.groups);
    } catch (const ConfigError& error) {
      refuse_file(file, "the model's beamformer does not suit its " + acquisition.probe.name + " probe: " + error.key() + ": " + error.what());
    } catch (const UserError& error) {
      refuse_file(file, error.what());
    }
    for (auto& map : maps) compensate(config, acquisition, map);
    return maps;
  }
  const std::size_t elements = acquisition.channels();
  for (std::size_t g = 0; g < config.groups; ++g) {
    Acquisition part = acquisition;
    silence(part, [&](std::size_t channel) { return channel * config.groups / elements != g; });
    maps.push_back(beamformed(config, part, grid));
  }
  return maps;
}

[[noreturn]] void refuse_without_channels(const std::string& file) {
  refuse_file(file, "there are no channel data in it (they are beamformed for the model). Store them: 'store: {parts: [rf, image, labels]}'");
}

std::vector<float> image_input(const InputConfig& config, RealMap image) {
  for (float& value : image.values.flat()) value = std::clamp(value, static_cast<float>(-config.dynamic_range), 0.0F);
  return resample(image.values.flat(), image.grid.z.count, image.grid.x.count, config.depth, config.lateral);
}

void check_image(const RealMap& image, const std::string& file) {
  if (image.grid.y.count != 1)
    refuse_file(file, "its image has " + std::to_string(image.grid.y.count) + " planes (models see single planes). Give a 2-D image");
  for (const float value : image.values.flat())
    if (std::isnan(value) || value > 0)
      refuse_file(file, "its image has values that are not decibels below the maximum. Write the image again");
}

}  // namespace

std::int64_t InputConfig::channels() const {
  return input == "image" ? static_cast<std::int64_t>(frames) : input == "iq" ? 2 : static_cast<std::int64_t>(2 * groups);
}

PixelGrid resized(const PixelGrid& grid, std::size_t depth, std::size_t lateral) {
  const auto resize = [](const Axis& axis, std::size_t count) {
    const double step = axis.step * static_cast<double>(axis.count) / static_cast<double>(count);
    return Axis{axis.from - axis.step / 2 + step / 2, step, count};
  };
  PixelGrid result = grid;
  result.z = resize(grid.z, depth);
  result.x = resize(grid.x, lateral);
  return result;
}

std::optional<PixelGrid> grid_of(const ZeaFile& content) {
  if (!content.images.empty()) return content.images.front().grid;
  if (!content.labels.empty()) return content.labels.front().grid;
  return content.image_grid;
}

std::optional<OwnImaging> own_imaging(const ZeaFile& content, const std::string& file) {
  if (content.config.empty()) return std::nullopt;
  const std::string origin = file + "/sonoforge/config";
  const ConfigTree tree = ConfigTree::parse(content.config, origin);
  BeamformerAlone own;
  CompensationAlone gain;
  read_alone(own, "beamformer", tree.root().find("beamformer"), origin);
  const ConfigNode* const image = tree.root().find("image");
  read_alone(gain, "compensation", image ? image->find("compensation") : nullptr, origin);
  return OwnImaging{own.beamformer, gain.compensation};
}

std::vector<float> model_input(const InputConfig& config, const ZeaFile& content, const std::string& file, const Alteration& alteration) {
  const bool channels = config.needs_channels() || alteration.of_channels();
  const auto grid = grid_of(content);
  std::vector<float> values;
  const TensorShape shape{config.channels(), static_cast<std::int64_t>(config.depth), static_cast<std::int64_t>(config.lateral)};
  if (config.input == "image" && !channels) {
    if (content.images.empty())
      refuse_file(file, "there is no image in it (channel data alone: reconstruct them first). Write: sonoforge reconstruct FILE -o DIR");
    if (content.images.size() < config.frames)
      refuse_file(file, "it has " + std::to_string(content.images.size()) + " frames (the model sees " + std::to_string(config.frames) + "). Generate it with more, or write fewer 'frames'");
    for (std::size_t f = 0; f < config.frames; ++f) {
      const RealMap& image = content.images[f == 0 ? 0 : f * (content.images.size() - 1) / (config.frames - 1)];
      check_image(image, file);
      const auto one = image_input(config, image);
      values.insert(values.end(), one.begin(), one.end());
    }
    alter_image(values, config.depth, config.lateral, config.dynamic_range, alteration);
  } else {
    if (!grid) refuse_file(file, "it does not say where its pixels stand (an image or labels would). Reconstruct it first");
    if (grid->y.count != 1) refuse_file(file, "its grid has several planes (models see single planes). Give a 2-D image");
    const bool stored = config.input == "iq" && !channels && !content.beamformed.empty();
    if (!stored && content.acquisition.samples.empty()) refuse_without_channels(file);
    const PixelGrid small = resized(*grid, config.depth, config.lateral);
    const Acquisition one =
        stored ? Acquisition{} : compressed(altered(content.acquisition, config.transmits, alteration), content, file);
    if (config.input == "image") {
      values = image_input(config, log_compress(envelope(beamformed(config, one, *grid))));
      alter_image(values, config.depth, config.lateral, config.dynamic_range, alteration);
    } else {
      std::vector<ComplexMap> maps;
      if (config.input == "iq") {
        if (stored) {
          const ComplexMap& map = content.beamformed.front();
          // The nearest stored pixel: phases cannot be averaged.
          ComplexMap near(small);
          for (std::size_t iz = 0; iz < config.depth; ++iz)
            for (std::size_t ix = 0; ix < config.lateral; ++ix)
              near.values(iz, 0, ix) = map.values(iz * map.grid.z.count / config.depth, 0, ix * map.grid.x.count / config.lateral);
          maps.push_back(std::move(near));
        } else {
          maps.push_back(beamformed(config, one, small));
        }
      } else {
        maps = groups_of(config, one, small, file);
      }
      const std::size_t pixels = small.size();
      double top = 0;
      for (std::size_t p = 0; p < pixels; ++p) {
        std::complex<float> sum = 0;
        for (const auto& map : maps) sum += map.values.data()[p];
        top = std::max(top, double{std::abs(sum)});
      }
      const auto scale = static_cast<float>(top > 0 ? 1 / top : 1);
      values.resize(2 * maps.size() * pixels);
      for (std::size_t g = 0; g < maps.size(); ++g)
        for (std::size_t p = 0; p < pixels; ++p) {
          values[g * pixels + p] = scale * maps[g].values.data()[p].real();
          values[(maps.size() + g) * pixels + p] = scale * maps[g].values.data()[p].imag();
        }
      alter_levels(values, config.depth, config.lateral, alteration);
    }
  }
  if (alteration.mirrored) mirror(values, shape, config.input == "rf");
  return values;
}

void alter_image(std::vector<float>& image, std::size_t depth, std::size_t lateral, double dynamic_range, const Alteration& alteration) {
  if (alteration.gain == 0 && alteration.slope == 0 && alteration.noise == 0) return;
  const RandomStream random(alteration.noise_key, 0, "image noise");
  for (std::size_t i = 0; i < image.size(); ++i) {
    const double place = static_cast<double>(i / lateral % depth) / static_cast<double>(depth) - 0.5;
    double value = image[i] + alteration.gain + alteration.slope * place;
    if (alteration.noise > 0) value += alteration.noise * random.normal_pair_at(i / 2)[i % 2];
    image[i] = static_cast<float>(std::clamp(value, -dynamic_range, 0.0));
  }
}

void alter_levels(std::vector<float>& values, std::size_t depth, std::size_t lateral, const Alteration& alteration) {
  if (alteration.gain == 0 && alteration.slope == 0) return;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double place = static_cast<double>(i / lateral % depth) / static_cast<double>(depth) - 0.5;
    values[i] *= static_cast<float>(std::pow(10.0, (alteration.gain + alteration.slope * place) / 20));
  }
}

void mirror(std::vector<float>& values, const TensorShape& shape, bool groups) {
  const auto lateral = static_cast<std::ptrdiff_t>(shape.lateral);
  for (auto row = values.begin(); row != values.end(); row += lateral) std::reverse(row, row + lateral);
  if (!groups) return;
  const auto pixels = static_cast<std::size_t>(shape.depth * shape.lateral), half = static_cast<std::size_t>(shape.channels / 2);
  for (std::size_t part = 0; part < 2; ++part)
    for (std::size_t g = 0; g < half / 2; ++g)
      std::swap_ranges(values.begin() + static_cast<std::ptrdiff_t>((part * half + g) * pixels),
                       values.begin() + static_cast<std::ptrdiff_t>((part * half + g + 1) * pixels),
                       values.begin() + static_cast<std::ptrdiff_t>((part * half + half - 1 - g) * pixels));
}

}  // namespace sonoforge
