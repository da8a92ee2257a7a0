#include "ai/torch/network.hpp"

// Only the parts of LibTorch that are used: its umbrella header takes a minute to compile.
#include <ATen/Context.h>
#include <ATen/Functions.h>
#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/jit/api/module.h>
#include <torch/csrc/jit/runtime/graph_executor.h>
#include <torch/csrc/jit/serialization/import.h>
#include <torch/jit.h>

#include <cmath>
#include <mutex>
#include <sstream>

#include "core/error.hpp"
#include "core/parallel.hpp"
#include "core/units.hpp"
#include "io/atomic_file.hpp"
#include "io/file_checks.hpp"

namespace sonoforge {
namespace {

void set_up_torch() {
  static std::once_flag once;
  std::call_once(once, [] {
    // No profiling runs, after which the graph would be rewritten and round differently.
    torch::jit::getProfilingMode() = false;
    torch::jit::getExecutorMode() = false;
    at::globalContext().setDeterministicAlgorithms(true, false);
  });
}

// While it lives, this thread runs the script as it is written and with no further threads: torch splits its sums by
// thread, and it would derive its own gradients for a part of the script, which round differently. Both settings
// belong to the thread.
class PlainExecution {
 public:
  PlainExecution() {
    at::init_num_threads();
    at::set_num_threads(1);
  }

 private:
  torch::jit::GraphOptimizerEnabledGuard unchanged_{false};
};

const std::vector<std::string>& metadata_names() {
  static const std::vector<std::string> names{"sonoforge.json", "train.yaml"};
  return names;
}

}  // namespace

struct Network::Impl {
  torch::jit::Module module;
  std::vector<at::Tensor> parameters;
  mutable std::mutex loss_mutex;
  mutable std::string loss_source;
  mutable std::shared_ptr<torch::jit::CompilationUnit> loss_unit;

  explicit Impl(torch::jit::Module m) : module(std::move(m)) {
    for (const auto& parameter : module.named_parameters(false)) parameters.push_back(parameter.value);
  }

  torch::jit::Function& loss(const LossConfig& config) const {
    const std::lock_guard guard(loss_mutex);
    const std::string source = config.script();
    if (!loss_unit || source != loss_source) {
      loss_unit = torch::jit::compile(source);
      loss_source = source;
    }
    return loss_unit->get_function("loss");
  }

  static at::Tensor image(std::span<const float> images, std::size_t i, std::size_t depth, std::size_t lateral) {
    // from_blob keeps the caller's memory; nothing writes to an input.
    return at::from_blob(const_cast<float*>(images.data() + i * depth * lateral),
                         {1, 1, static_cast<std::int64_t>(depth), static_cast<std::int64_t>(lateral)}, at::kFloat);
  }

  at::Tensor image_loss(torch::jit::Function& function, const at::Tensor& picture, const at::Tensor& truth) const {
    const auto logits = module.get_method("training_logits")({picture});
    return function({logits, truth}).toTensor();
  }
};

Network::Network(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Network::~Network() = default;
Network::Network(Network&&) noexcept = default;

Network::Network(const ModelConfig& model, double image_floor, const RandomStream& random) {
  set_up_torch();
  torch::jit::Module module("SonoforgeModel");
  for (const ModelParameter& parameter : model.parameters(1, 1)) {
    auto tensor = at::full(parameter.shape, parameter.mean, at::kFloat);
    if (parameter.standard_deviation > 0) {
      const RandomStream stream = random.child(parameter.name);
      auto* values = tensor.data_ptr<float>();
      for (std::int64_t i = 0; i < tensor.numel(); ++i)
        values[i] += static_cast<float>(parameter.standard_deviation * stream.normal_pair_at(static_cast<std::uint64_t>(i))[0]);
    }
    tensor.set_requires_grad(true);
    module.register_parameter(parameter.name, tensor, false);
  }
  module.define(model.script());
  std::string floor = format_number(image_floor);
  if (floor.find_first_of(".e") == std::string::npos) floor += ".0";
  module.define("def training_logits(self, image):\n"
                "    return self.logits(torch.clamp(image / " + floor + " + 1.0, 0.0, 1.0))\n");
  module.define("def forward(self, image):\n    return torch.sigmoid(self.training_logits(image))\n");
  impl_ = std::make_unique<Impl>(std::move(module));
}

Network Network::load(const std::filesystem::path& file, std::map<std::string, std::string>& metadata) {
  set_up_torch();
  regular_file_size(file);
  torch::jit::ExtraFilesMap extra;
  for (const auto& name : metadata_names()) extra[name] = "";
  try {
    auto module = torch::jit::load(file.string(), c10::Device(c10::kCPU), extra);
    module.get_method("training_logits");
    for (const auto& [name, text] : extra) metadata[name] = text;
    if (!metadata["sonoforge.json"].empty()) return Network(std::make_unique<Impl>(std::move(module)));
  } catch (const std::exception&) {
    // Torch's own text is a stack trace of its internals; what the user can do about it is the same in every case.
  }
  refuse_file(file, "this is not a model of Sonoforge (TorchScript with its metadata). Give the model.pt that `sonoforge train` wrote");
}

std::size_t Network::parameter_count() const {
  std::size_t count = 0;
  for (const auto& tensor : impl_->parameters) count += static_cast<std::size_t>(tensor.numel());
  return count;
}

std::vector<float> Network::parameters() const {
  std::vector<float> all;
  all.reserve(parameter_count());
  for (const auto& tensor : impl_->parameters) {
    const auto* values = tensor.data_ptr<float>();
    all.insert(all.end(), values, values + tensor.numel());
  }
  return all;
}

void Network::set_parameters(std::span<const float> values) {
  if (values.size() != parameter_count()) throw std::invalid_argument("wrong number of parameters");
  const at::NoGradGuard no_gradient;
  std::size_t at = 0;
  for (const auto& tensor : impl_->parameters) {
    const auto count = static_cast<std::size_t>(tensor.numel());
    std::copy_n(values.data() + at, count, tensor.data_ptr<float>());
    at += count;
  }
}

std::vector<float> Network::probabilities(std::span<const float> images, std::size_t depth, std::size_t lateral) const {
  std::vector<float> result(images.size());
  const std::size_t pixels = depth * lateral;
  parallel_for(images.size() / pixels, [&](std::size_t i) {
    const PlainExecution plain;
    const at::NoGradGuard no_gradient;
    const auto output = impl_->module.get_method("forward")({Impl::image(images, i, depth, lateral)}).toTensor().contiguous();
    std::copy_n(output.data_ptr<float>(), pixels, result.data() + i * pixels);
  });
  return result;
}

Network::Gradient Network::gradient(const LossConfig& loss, std::span<const float> images, std::span<const float> truth,
                                    std::size_t depth, std::size_t lateral) const {
  const std::size_t count = images.size() / (depth * lateral);
  auto& function = impl_->loss(loss);
  Gradient result;
  result.losses.resize(count);
  std::vector<std::vector<at::Tensor>> gradients(count);
  parallel_for(count, [&](std::size_t i) {
    const PlainExecution plain;
    const at::AutoGradMode with_gradient(true);
    const auto value = impl_->image_loss(function, Impl::image(images, i, depth, lateral), Impl::image(truth, i, depth, lateral));
    result.losses[i] = value.item<double>();
    gradients[i] = torch::autograd::grad({value}, impl_->parameters);
  });
  result.gradient.assign(parameter_count(), 0.0F);
  for (std::size_t i = 0; i < count; ++i) {
    std::size_t at = 0;
    for (const auto& tensor : gradients[i]) {
      const auto one = tensor.contiguous();
      const auto* values = one.data_ptr<float>();
      for (std::int64_t k = 0; k < one.numel(); ++k) result.gradient[at++] += values[k];
    }
  }
  for (float& value : result.gradient) value /= static_cast<float>(count);
  return result;
}

std::vector<double> Network::losses(const LossConfig& loss, std::span<const float> images, std::span<const float> truth,
                                    std::size_t depth, std::size_t lateral) const {
  std::vector<double> result(images.size() / (depth * lateral));
  auto& function = impl_->loss(loss);
  parallel_for(result.size(), [&](std::size_t i) {
    const PlainExecution plain;
    const at::NoGradGuard no_gradient;
    result[i] = impl_->image_loss(function, Impl::image(images, i, depth, lateral), Impl::image(truth, i, depth, lateral)).item<double>();
  });
  return result;
}

void Network::save(const std::filesystem::path& file, const std::map<std::string, std::string>& metadata) const {
  torch::jit::ExtraFilesMap extra(metadata.begin(), metadata.end());
  std::ostringstream stream;
  impl_->module.save(stream, extra);
  write_file_atomically(file, stream.str());
}

}  // namespace sonoforge
