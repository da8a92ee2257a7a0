#include "ai/torch/network.hpp"

// Only the parts of LibTorch that are used: its umbrella header takes a minute to compile.
#include <ATen/Context.h>
#include <ATen/Functions.h>
#include <ATen/core/grad_mode.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/jit/api/module.h>
#include <torch/csrc/jit/serialization/import.h>
#include <torch/jit.h>

#include <cmath>
#include <mutex>
#include <sstream>

#include "ai/torch/execution.hpp"
#include "core/error.hpp"
#include "core/parallel.hpp"
#include "io/atomic_file.hpp"
#include "io/file_checks.hpp"

namespace sonoforge {
namespace {

const std::vector<std::string>& metadata_names() {
  static const std::vector<std::string> names{"sonoforge.json", "train.yaml"};
  return names;
}

}  // namespace

void set_up_torch() {
  static std::once_flag once;
  std::call_once(once, [] {
    // No profiling runs, after which the graph would be rewritten and round differently.
    torch::jit::getProfilingMode() = false;
    torch::jit::getExecutorMode() = false;
    at::globalContext().setDeterministicAlgorithms(true, false);
  });
}

struct Network::Impl {
  torch::jit::Module module;
  std::vector<at::Tensor> parameters;
  std::int64_t keeps = 1;
  mutable std::mutex loss_mutex;
  mutable std::string loss_source;
  mutable std::shared_ptr<torch::jit::CompilationUnit> loss_unit;

  explicit Impl(torch::jit::Module m, std::int64_t k = 1) : module(std::move(m)), keeps(std::max<std::int64_t>(1, k)) {
    for (const auto& parameter : module.named_parameters(true)) parameters.push_back(parameter.value);
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

  static at::Tensor array(const std::vector<float>& values, const TensorShape& shape) {
    if (values.size() != shape.size()) throw std::invalid_argument("a sample has another size than its shape");
    // from_blob keeps the caller's memory; nothing writes to an input.
    return at::from_blob(const_cast<float*>(values.data()), {1, shape.channels, shape.depth, shape.lateral}, at::kFloat);
  }
  at::Tensor keep(const std::vector<float>* values) const {
    if (!values || values->empty()) return at::ones({1, keeps}, at::kFloat);
    if (static_cast<std::int64_t>(values->size()) != keeps) throw std::invalid_argument("a row of another length switches features off");
    return at::from_blob(const_cast<float*>(values->data()), {1, keeps}, at::kFloat);
  }
  at::Tensor loss_of(torch::jit::Function& function, const at::Tensor& input, const at::Tensor& truth, const at::Tensor& kept) const {
    const auto logits = module.get_method("training_logits")({input, kept});
    return function({logits, truth}).toTensor();
  }

  SampleArrays run(const SampleArrays& inputs, TensorShape input, TensorShape* shape,
                   const std::function<at::Tensor(std::size_t, const at::Tensor&)>& method) const {
    SampleArrays result(inputs.size());
    std::vector<TensorShape> shapes(inputs.size());
    parallel_for(inputs.size(), [&](std::size_t i) {
      const PlainExecution plain;
      const at::NoGradGuard no_gradient;
      const auto output = method(i, array(inputs[i], input)).to(at::kFloat).contiguous();
      result[i].assign(output.data_ptr<float>(), output.data_ptr<float>() + output.numel());
      if (output.dim() == 4) shapes[i] = {output.size(1), output.size(2), output.size(3)};
    });
    if (shape && !shapes.empty()) *shape = shapes.front();
    return result;
  }
};

Network::Network(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Network::~Network() = default;
Network::Network(Network&&) noexcept = default;
Network& Network::operator=(Network&&) noexcept = default;

Network::Network(const NetworkSource& source, const RandomStream& random) {
  set_up_torch();
  torch::jit::Module module("SonoforgeModel");
  for (const ModelParameter& parameter : source.parameters) {
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
  for (const auto& [name, file] : source.modules) {
    regular_file_size(file);
    try {
      auto part = torch::jit::load(file.string(), c10::Device(c10::kCPU));
      part.eval();
      for (const auto& parameter : part.parameters(true)) {
        if (parameter.scalar_type() != at::kFloat) throw std::runtime_error("another type");
        parameter.set_requires_grad(true);
      }
      module.register_module(name, part);
    } catch (const std::exception&) {
      refuse_file(file, "it is not a TorchScript module of float32 parameters (it is trained as the model). Write it with torch.jit.save");
    }
  }
  try {
    module.define(source.script);
    impl_ = std::make_unique<Impl>(std::move(module), source.keeps);
    if (!source.modules.empty() && !is_ensemble()) {
      const PlainExecution plain;
      const at::NoGradGuard no_gradient;
      const auto found = impl_->module.get_method("training_logits")({at::zeros({1, source.input.channels, source.input.depth, source.input.lateral}), at::ones({1, impl_->keeps})}).toTensor();
      if (found.sizes() != at::IntArrayRef({1, source.output.channels, source.output.depth, source.output.lateral}))
        throw std::runtime_error("another shape");
    }
  } catch (const std::exception&) {
    if (source.modules.empty()) throw;
    const auto text = [](const TensorShape& s) { return "[1, " + std::to_string(s.channels) + ", " + std::to_string(s.depth) + ", " + std::to_string(s.lateral) + "]"; };
    refuse_file(source.modules.begin()->second, "the module does not turn one tensor into one of shape " + text(source.output) + " (the task needs that of an input of " +
                                                    text(source.input) + "). Change the module, 'stride' or 'image_size'");
  }
}

Network Network::load(const std::filesystem::path& file, std::map<std::string, std::string>& metadata) {
  set_up_torch();
  regular_file_size(file);
  torch::jit::ExtraFilesMap extra;
  for (const auto& name : metadata_names()) extra[name] = "";
  try {
    auto module = torch::jit::load(file.string(), c10::Device(c10::kCPU), extra);
    module.get_method("forward");
    for (const auto& [name, text] : extra) metadata[name] = text;
    if (!metadata["sonoforge.json"].empty()) return Network(std::make_unique<Impl>(std::move(module)));
  } catch (const std::exception&) {
    // Torch's own text is a stack trace of its internals; what the user can do about it is the same in every case.
  }
  refuse_file(file, "this is not a model of Sonoforge (TorchScript with its metadata). Give the model.pt that `sonoforge train` wrote, or say in 'torchscript' of a config what goes into the file and what comes out");
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
    const auto one = tensor.detach().contiguous();
    const auto* values = one.data_ptr<float>();
    all.insert(all.end(), values, values + one.numel());
  }
  return all;
}

void Network::set_parameters(std::span<const float> values) {
  if (values.size() != parameter_count()) throw std::invalid_argument("wrong number of parameters");
  const at::NoGradGuard no_gradient;
  std::size_t at = 0;
  for (auto& tensor : impl_->parameters) {
    const auto count = static_cast<std::size_t>(tensor.numel());
    tensor.copy_(at::from_blob(const_cast<float*>(values.data() + at), tensor.sizes(), at::kFloat));
    at += count;
  }
}

SampleArrays Network::outputs(const SampleArrays& inputs, TensorShape input, TensorShape* shape) const {
  return impl_->run(inputs, input, shape, [&](std::size_t, const at::Tensor& x) { return impl_->module.get_method("forward")({x}).toTensor(); });
}

SampleArrays Network::sampled(const SampleArrays& inputs, TensorShape input, const SampleArrays& keeps) const {
  return impl_->run(inputs, input, nullptr, [&](std::size_t i, const at::Tensor& x) {
    const auto kept = at::from_blob(const_cast<float*>(keeps[i].data()), {1, static_cast<std::int64_t>(keeps[i].size())}, at::kFloat);
    return impl_->module.get_method("sample")({x, kept}).toTensor();
  });
}

SampleArrays Network::logits(const SampleArrays& inputs, TensorShape input) const {
  return impl_->run(inputs, input, nullptr, [&](std::size_t, const at::Tensor& x) {
    return impl_->module.get_method("training_logits")({x, impl_->keep(nullptr)}).toTensor();
  });
}

bool Network::is_ensemble() const { return impl_->module.find_method("members").has_value(); }

SampleArrays Network::members(const SampleArrays& inputs, TensorShape input) const {
  return impl_->run(inputs, input, nullptr, [&](std::size_t, const at::Tensor& x) { return impl_->module.get_method("members")({x}).toTensor(); });
}

Network::Gradient Network::gradient(const LossConfig& loss, const Batch& batch, std::size_t others,
                                    const std::function<void(std::size_t)>& other) const {
  const std::size_t count = batch.inputs.size();
  auto& function = impl_->loss(loss);
  Gradient result;
  result.losses.resize(count);
  std::vector<std::vector<at::Tensor>> gradients(count);
  parallel_for(count + others, [&](std::size_t k) {
    // The preparation comes first: it is the shorter part.
    if (k < others) return other(k);
    const std::size_t i = k - others;
    const PlainExecution plain;
    const at::AutoGradMode with_gradient(true);
    const auto value = impl_->loss_of(function, Impl::array(batch.inputs[i], batch.input), Impl::array(batch.truths[i], batch.truth),
                                      impl_->keep(batch.keeps.empty() ? nullptr : &batch.keeps[i]));
    result.losses[i] = value.item<double>();
    // A parameter that a module does not use has no gradient.
    gradients[i] = torch::autograd::grad({value}, impl_->parameters, {}, c10::nullopt, false, true);
  });
  result.gradient.assign(parameter_count(), 0.0F);
  for (std::size_t i = 0; i < count; ++i) {
    std::size_t at = 0;
    for (std::size_t p = 0; p < gradients[i].size(); ++p) {
      const auto size = impl_->parameters[p].numel();
      if (!gradients[i][p].defined()) {
        at += static_cast<std::size_t>(size);
        continue;
      }
      const auto one = gradients[i][p].contiguous();
      const auto* values = one.data_ptr<float>();
      for (std::int64_t k = 0; k < size; ++k) result.gradient[at++] += values[k];
    }
  }
  return result;
}

std::vector<double> Network::losses(const LossConfig& loss, const SampleArrays& inputs, const SampleArrays& truths,
                                    TensorShape input, TensorShape truth) const {
  std::vector<double> result(inputs.size());
  auto& function = impl_->loss(loss);
  parallel_for(result.size(), [&](std::size_t i) {
    const PlainExecution plain;
    const at::NoGradGuard no_gradient;
    result[i] = impl_->loss_of(function, Impl::array(inputs[i], input), Impl::array(truths[i], truth), impl_->keep(nullptr)).item<double>();
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
