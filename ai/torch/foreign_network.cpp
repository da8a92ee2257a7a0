#include "ai/torch/foreign_network.hpp"

#include <ATen/Functions.h>
#include <ATen/core/grad_mode.h>
#include <torch/csrc/jit/api/module.h>
#include <torch/csrc/jit/serialization/import.h>

#include "ai/torch/execution.hpp"
#include "core/error.hpp"
#include "core/printable.hpp"
#include "io/file_checks.hpp"

namespace sonoforge {
namespace {

/// What went wrong, without torch's stack traces: the last line that is not empty, or the first of its own errors.
std::string cause_of(const std::exception& error) {
  std::string text = error.what();
  if (const auto* own = dynamic_cast<const c10::Error*>(&error)) {
    text = own->what_without_backtrace();
    text = text.substr(0, text.find('\n'));
  }
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.pop_back();
  const auto line = text.find_last_of('\n');
  if (line != std::string::npos) text = text.substr(line + 1);
  return printable(text.substr(0, 200));
}

std::string shape_text(const std::vector<std::int64_t>& shape) {
  std::string text;
  for (const auto side : shape) text += (text.empty() ? "" : ", ") + std::to_string(side);
  return "[" + text + "]";
}

}  // namespace

struct ForeignNetwork::Impl {
  torch::jit::Module module;
  std::string item;

  at::Tensor tensor_of(const c10::IValue& answer) const {
    const auto wrong = [&](const std::string& problem, const std::string& suggestion) {
      return ConfigError("torchscript.output.item", problem + ". " + suggestion);
    };
    if (item.empty()) {
      if (answer.isTensor()) return answer.toTensor();
      throw wrong("the module answers with a " +
                      std::string(answer.isTuple()         ? "tuple"
                                  : answer.isGenericDict() ? "dictionary"
                                  : answer.isList()        ? "list"
                                                           : answer.tagKind()) +
                      " (one tensor is judged)",
                  answer.isGenericDict() ? "Name its key, for example 'item: out'"
                                         : "Give the number of its part, for example 'item: 0'");
    }
    c10::IValue part;
    if (answer.isGenericDict()) {
      for (const auto& entry : answer.toGenericDict())
        if (entry.key().isString() && entry.key().toStringRef() == item) part = entry.value();
    } else if (item.size() <= 3 && item.find_first_not_of("0123456789") == std::string::npos) {
      const auto number = static_cast<std::size_t>(std::stoul(item));
      if (answer.isTuple() && number < answer.toTupleRef().elements().size())
        part = answer.toTupleRef().elements()[number];
      if (answer.isList() && number < answer.toListRef().size()) part = answer.toListRef()[number];
    }
    if (!part.isTensor())
      throw wrong("the module's answer (" + std::string(answer.tagKind()) + ") has no tensor '" + printable(item) + "'",
                  "Name the part that is the answer, or leave it out where the answer is one tensor");
    return part.toTensor();
  }
};

ForeignNetwork::ForeignNetwork(const std::filesystem::path& file, std::string item) {
  set_up_torch();
  regular_file_size(file);
  try {
    auto module = torch::jit::load(file.string(), c10::Device(c10::kCPU));
    module.get_method("forward");
    module.eval();
    impl_ = std::make_unique<Impl>(Impl{std::move(module), std::move(item)});
  } catch (const std::exception&) {
    refuse_file(file,
                "it is no TorchScript module with a method forward. Write it with torch.jit.trace or torch.jit.script, "
                "and save");
  }
}
ForeignNetwork::~ForeignNetwork() = default;
ForeignNetwork::ForeignNetwork(ForeignNetwork&&) noexcept = default;

std::vector<float> ForeignNetwork::run(const std::vector<float>& values, const std::vector<std::int64_t>& shape,
                                       std::vector<std::int64_t>& sides) const {
  const PlainExecution plain;
  const at::NoGradGuard no_gradient;
  // A copy: what a module does to its input is its own affair.
  const auto input = at::from_blob(const_cast<float*>(values.data()), shape, at::kFloat).clone();
  c10::IValue answer;
  try {
    answer = impl_->module.get_method("forward")({input});
  } catch (const std::exception& error) {
    throw ConfigError("torchscript.input",
                      "the module does not take a tensor of shape " + shape_text(shape) + " (" + cause_of(error) +
                          "). Describe the tensor that it takes: 'size', 'axes', 'kind', 'copies'");
  }
  const auto output = impl_->tensor_of(answer).to(at::kFloat).contiguous();
  sides.assign(output.sizes().begin(), output.sizes().end());
  return {output.data_ptr<float>(), output.data_ptr<float>() + output.numel()};
}

}  // namespace sonoforge
