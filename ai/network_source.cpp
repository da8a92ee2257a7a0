#include "ai/network_source.hpp"

#include <cmath>

#include "core/units.hpp"

namespace sonoforge {
namespace {

std::string real(double value) {
  std::string text = format_number(value);
  return text.find_first_of(".en") == std::string::npos ? text + ".0" : text;
}

/// Method `features(self, x)` from the physical input, and its channels.
std::int64_t add_features(const TrainConfig& config, NetworkSource& source) {
  const std::string floor = real(config.dynamic_range);
  std::string& script = source.script;
  if (config.task->input == "image") {
    script += "def features(self, x):\n    return torch.clamp(x / " + floor + " + 1.0, 0.0, 1.0)\n";
    return 1;
  }
  // Level of a power between 0 (dynamic_range below 1) and 1, and up to 1.5 beyond.
  const std::string level = "torch.clamp(10.0 * torch.log10(power + 1e-20) / " + floor + " + 1.0, 0.0, 1.5)";
  if (config.task->input == "iq") {
    script += "def features(self, x):\n"
              "    power = x[:, 0:1] * x[:, 0:1] + x[:, 1:2] * x[:, 1:2]\n"
              "    level = " + level + "\n"
              "    return torch.cat([level, level * x / torch.sqrt(power + 1e-20)], 1)\n";
    return 3;
  }
  const std::int64_t groups = config.front_end.groups, beams = config.front_end.beams;
  const double mean = 1 / static_cast<double>(groups);
  source.parameters.push_back({"front_weight", {beams, groups}, mean, mean});
  source.parameters.push_back({"front_delay", {beams, groups}, 0, 0.02});
  source.parameters.push_back({"front_delay_slope", {beams, groups}, 0, 0.02});
  const std::string g = std::to_string(groups), b = std::to_string(beams);
  // Delays in periods of the centre frequency: in the middle of the image, and how they change from top to bottom.
  script += "def features(self, x):\n"
            "    down = torch.linspace(-0.5, 0.5, x.size(2)).reshape([1, 1, x.size(2)])\n"
            "    phase = 6.283185307179586 * (self.front_delay.unsqueeze(2) + self.front_delay_slope.unsqueeze(2) * down)\n"
            "    weight = self.front_weight.unsqueeze(2)\n"
            "    c = weight * torch.cos(phase)\n"
            "    s = weight * torch.sin(phase)\n"
            "    i = x[:, :" + g + "]\n"
            "    q = x[:, " + g + ":]\n"
            "    re = torch.einsum('ngzx,bgz->nbzx', [i, c]) - torch.einsum('ngzx,bgz->nbzx', [q, s])\n"
            "    im = torch.einsum('ngzx,bgz->nbzx', [q, c]) + torch.einsum('ngzx,bgz->nbzx', [i, s])\n"
            "    power = re * re + im * im\n"
            "    level = " + level + "\n"
            "    re1 = re[:, :" + std::to_string(beams - 1) + "]\n"
            "    im1 = im[:, :" + std::to_string(beams - 1) + "]\n"
            "    re2 = re[:, 1:]\n"
            "    im2 = im[:, 1:]\n"
            "    both = torch.sqrt(power[:, :" + std::to_string(beams - 1) + "] * power[:, 1:] + 1e-14)\n"
            "    return torch.cat([level, (re1 * re2 + im1 * im2) / both, (im1 * re2 - re1 * im2) / both], 1)\n";
  source.multiply_adds += 4.0 * static_cast<double>(groups * beams) * config.image_size[0] * config.image_size[1];
  return beams + 2 * (beams - 1);
}

std::string replaced(std::string text, const std::string& what, const std::string& with) {
  for (std::size_t at = 0; (at = text.find(what, at)) != std::string::npos; at += with.size()) text.replace(at, what.size(), with);
  return text;
}

}  // namespace

NetworkSource network_source(const TrainConfig& config, const TruthScale& scale, double temperature) {
  NetworkSource source;
  source.input = config.input_shape();
  const std::int64_t features = add_features(config, source);
  const std::int64_t outputs = config.task->channels() * config.loss->outputs_per_value();
  const ModelSource model = config.model->build({features, source.input.depth, source.input.lateral}, outputs);
  source.parameters.insert(source.parameters.end(), model.parameters.begin(), model.parameters.end());
  source.output = model.output;
  source.keeps = model.keeps;
  source.dropout = model.dropout;
  source.multiply_adds += model.multiply_adds;
  source.modules = model.modules;
  const std::string keeps = std::to_string(std::max<std::int64_t>(1, source.keeps));
  source.script += model.script;
  source.script += "def training_logits(self, x, keep):\n    return self.logits(self.features(x), keep)\n";
  source.script += "def answer(self, x):\n" + config.task->activation(scale, temperature, outputs);
  source.script += "def sample(self, x, keep):\n    return self.answer(self.training_logits(x, keep))\n";
  source.script += "def forward(self, x):\n    return self.sample(x, torch.ones([1, " + keeps + "]))\n";
  return source;
}

NetworkSource ensemble_source(const std::vector<NetworkSource>& members) {
  NetworkSource all = members.front();
  all.parameters.clear();
  all.script.clear();
  all.modules.clear();
  std::string list;
  for (std::size_t m = 0; m < members.size(); ++m) {
    const std::string prefix = "m" + std::to_string(m) + "_";
    all.script += replaced(replaced(members[m].script, "def ", "def " + prefix), "self.", "self." + prefix);
    for (ModelParameter parameter : members[m].parameters) {
      parameter.name = prefix + parameter.name;
      all.parameters.push_back(std::move(parameter));
    }
    for (const auto& [name, file] : members[m].modules) all.modules[prefix + name] = file;
    list += (m ? ", " : "") + std::string("self.") + prefix + "forward(x)";
  }
  all.multiply_adds *= static_cast<double>(members.size());
  all.script += "def members(self, x):\n    return torch.stack([" + list + "], 0)\n";
  all.script += "def forward(self, x):\n    return torch.mean(self.members(x), [0])\n";
  return all;
}

}  // namespace sonoforge
