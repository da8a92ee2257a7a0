#include "ai/network_source.hpp"

#include <cmath>

#include "ai/script_number.hpp"
#include "ai/several.hpp"
#include "ai/survival.hpp"

namespace sonoforge {
namespace {

/// Beams as weighted and delayed sums of groups: their levels, and the correlation of each with the next. Of parts of the aperture the
/// first beam begins as all of them, seen by its level alone, the others as neighbouring directions; and the place from top to bottom
/// is given, since a delay that the sound speed makes grows with depth.
std::int64_t add_front_end(const TrainConfig& config, const std::string& level, NetworkSource& source) {
  const FrontEndConfig& front = config.front_end;
  const std::int64_t groups = front.groups, beams = front.beams;
  const bool directions = front.groups_of == GroupsOf::aperture;
  const double mean = 1 / static_cast<double>(groups);
  source.parameters.push_back({"front_weight", {beams, groups}, directions ? 0 : mean, directions ? 0.1 * mean : mean});
  source.parameters.push_back({"front_delay", {beams, groups}, 0, 0.02});
  source.parameters.push_back({"front_delay_slope", {beams, groups}, 0, 0.02});
  const std::int64_t first = directions ? 1 : 0, compared = beams - first;
  const std::string g = std::to_string(groups), b = std::to_string(compared), from = std::to_string(first), to = std::to_string(beams - 1), next = std::to_string(first + 1);
  const std::string step = script_number(static_cast<double>(groups) / static_cast<double>(compared)), n = std::to_string(front.average), half = std::to_string(front.average / 2);
  const auto averaged = [&](const std::string& value) {
    return front.average == 1 ? "(" + value + ")" : "torch.avg_pool2d(" + value + ", [" + n + ", " + n + "], [1, 1], [" + half + ", " + half + "])";
  };
  // Delays in periods of the centre frequency: in the middle of the image, and how they change from top to bottom.
  source.script +=
      "def features(self, x):\n"
      "    down = torch.linspace(-0.5, 0.5, x.size(2)).reshape([1, 1, x.size(2)])\n"
      "    phase = 6.283185307179586 * (self.front_delay.unsqueeze(2) + self.front_delay_slope.unsqueeze(2) * down)\n" +
      (directions ? "    middle = (torch.arange(" + b + ").reshape([" + b + ", 1]) + 0.5) * " + step + " - 0.5\n"
                    "    near = torch.clamp(1.0 - 0.5 * torch.abs(middle - torch.arange(" + g + ").reshape([1, " + g + "])), 0.0, 1.0)\n"
                    "    weight = (self.front_weight + torch.cat([torch.ones_like(near[:1]), near], 0)).unsqueeze(2)\n"
                  : "    weight = self.front_weight.unsqueeze(2)\n") +
      "    c = weight * torch.cos(phase)\n"
      "    s = weight * torch.sin(phase)\n"
      "    i = x[:, :" + g + "]\n"
      "    q = x[:, " + g + ":]\n"
      "    re = torch.einsum('ngzx,bgz->nbzx', [i, c]) - torch.einsum('ngzx,bgz->nbzx', [q, s])\n"
      "    im = torch.einsum('ngzx,bgz->nbzx', [q, c]) + torch.einsum('ngzx,bgz->nbzx', [i, s])\n"
      "    power = re * re + im * im\n"
      "    level = " + level + "\n"
      "    re1 = re[:, " + from + ":" + to + "]\n"
      "    im1 = im[:, " + from + ":" + to + "]\n"
      "    re2 = re[:, " + next + ":]\n"
      "    im2 = im[:, " + next + ":]\n"
      "    mean_power = " + averaged("power") + "\n"
      "    both = torch.sqrt(mean_power[:, " + from + ":" + to + "] * mean_power[:, " + next + ":] + " + (directions ? "1e-24" : "1e-14") + ")\n"
      "    alike = " + averaged("re1 * re2 + im1 * im2") + " / both\n"
      "    ahead = " + averaged("im1 * re2 - re1 * im2") + " / both\n" +
      (directions ? "    place = (2.0 * down).unsqueeze(3) + torch.zeros_like(level[:, :1])\n"
                    "    return torch.cat([level, alike, ahead, place], 1)\n"
                  : "    return torch.cat([level, alike, ahead], 1)\n");
  source.multiply_adds += 4.0 * static_cast<double>(groups * beams) * config.image_size[0] * config.image_size[1];
  return beams + 2 * (compared - 1) + first;
}

/// Method `features(self, x)` from the physical input, and its channels.
std::int64_t add_features(const TrainConfig& config, const TruthScale& scale, NetworkSource& source) {
  const std::string floor = script_number(config.dynamic_range);
  std::string& script = source.script;
  if (const auto* survival = dynamic_cast<const SurvivalTask*>(config.task.value.get())) {
    const std::string first = std::to_string(survival->sees_images() ? survival->visits : 0);
    std::string mean, deviation;
    for (std::int64_t v = 0; v < survival->visits; ++v)
      for (std::size_t k = 0; k < scale.number_mean.size(); ++k) {
        mean += (mean.empty() ? "" : ", ") + script_number(scale.number_mean[k]);
        deviation += (deviation.empty() ? "" : ", ") + script_number(scale.number_deviation[k]);
      }
    const std::string shape = ".reshape([1, " + std::to_string(survival->visits * survival->numbers()) + ", 1, 1])";
    script += "def features(self, x):\n    mean = torch.tensor([" + mean + "])" + shape + "\n    deviation = torch.tensor([" + deviation + "])" + shape + "\n" +
              "    numbers = (x[:, " + first + ":] - mean) / deviation\n" +
              (survival->sees_images() ? "    return torch.cat([torch.clamp(x[:, :" + first + "] / " + floor + " + 1.0, 0.0, 1.0), numbers], 1)\n" : "    return numbers\n");
    return source.input.channels;
  }
  if (config.task->input == "image") {
    script += "def features(self, x):\n    return torch.clamp(x / " + floor + " + 1.0, 0.0, 1.0)\n";
    return config.frames;
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
  return add_front_end(config, level, source);
}

std::string replaced(std::string text, const std::string& what, const std::string& with) {
  for (std::size_t at = 0; (at = text.find(what, at)) != std::string::npos; at += with.size()) text.replace(at, what.size(), with);
  return text;
}

/// Takes over a model; adds the methods from the input to raw outputs.
void add_model(NetworkSource& source, const ModelSource& model, const std::string& raw) {
  source.parameters.insert(source.parameters.end(), model.parameters.begin(), model.parameters.end());
  source.output = model.output;
  source.keeps = model.keeps;
  source.dropout = model.dropout;
  source.multiply_adds += model.multiply_adds;
  source.modules = model.modules;
  source.script += model.script;
  source.script += "def " + raw + "(self, x, keep):\n    return self.logits(self.features(x), keep)\n";
}

void add_answers(NetworkSource& source, const std::string& activation) {
  const std::string keeps = std::to_string(std::max<std::int64_t>(1, source.keeps));
  source.script += "def answer(self, x):\n" + activation;
  source.script += "def sample(self, x, keep):\n    return self.answer(self.training_logits(x, keep))\n";
  source.script += "def forward(self, x):\n    return self.sample(x, torch.ones([1, " + keeps + "]))\n";
}

ModelSource model_of_heads(const TrainConfig& config, const SeveralTask& task, const NetworkSource& source, std::int64_t features) {
  std::vector<ModelConfig::HeadSize> sizes;
  for (const auto& head : task.heads) sizes.push_back({head.name, head.outputs(), head.whole()});
  return config.model->build_heads({features, source.input.depth, source.input.lateral}, sizes);
}

}  // namespace

NetworkSource network_source(const TrainConfig& config, const TruthScale& scale, double temperature) {
  NetworkSource source;
  source.input = config.input_shape();
  const std::int64_t features = add_features(config, scale, source);
  if (const auto* task = dynamic_cast<const SeveralTask*>(config.task.value.get())) {
    add_model(source, model_of_heads(config, *task, source, features), "training_logits");
    for (std::size_t h = 0; h < task->heads.size(); ++h)
      source.script += "def answer_" + task->heads[h].name + "(self, x):\n" + task->heads[h].task->activation(task->scale_of(scale, h), 1, task->heads[h].outputs());
    add_answers(source, task->activation(scale, 1, 0));
    return source;
  }
  const std::int64_t outputs = config.task->channels() * config.loss->outputs_per_value();
  if (const auto* survival = dynamic_cast<const SurvivalTask*>(config.task.value.get())) {
    const auto& visits = dynamic_cast<const VisitsModel&>(*config.model);
    add_model(source, visits.build_history(source.input, survival->visits, survival->numbers(), survival->sees_images(), outputs), "training_logits");
    add_answers(source, config.task->activation(scale, temperature, outputs));
    return source;
  }
  add_model(source, config.model->build({features, source.input.depth, source.input.lateral}, outputs), "training_logits");
  add_answers(source, config.task->activation(scale, temperature, outputs));
  return source;
}

NetworkSource head_source(const TrainConfig& config, const TruthScale& scale, std::size_t h) {
  NetworkSource source;
  source.input = config.input_shape();
  const std::int64_t features = add_features(config, scale, source);
  const auto& task = dynamic_cast<const SeveralTask&>(*config.task);
  const auto& head = task.heads.at(h);
  add_model(source, model_of_heads(config, task, source, features), "all_logits");
  source.output = task.output_shape(h);
  source.script += "def training_logits(self, x, keep):\n    y = self.all_logits(x, keep)\n    return " + task.part(h, "y") + "\n";
  add_answers(source, head.task->activation(task.scale_of(scale, h), 1, head.outputs()));
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
