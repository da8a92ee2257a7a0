#pragma once
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

namespace sonoforge {

/// A TorchScript file that says nothing about itself: from one float32 tensor to another. It runs as in use (`eval`),
/// with one thread, on the processor.
class ForeignNetwork {
 public:
  /// `item`: which part of a tuple (number) or dictionary (key) the answer is; empty: the module answers with a tensor.
  /// Throws `UserError` for what is no TorchScript module with a method `forward`.
  ForeignNetwork(const std::filesystem::path& file, std::string item);
  ~ForeignNetwork();
  ForeignNetwork(ForeignNetwork&&) noexcept;

  /// Fills `sides` with the answer's shape. Throws `ConfigError` of "torchscript.input" where the module does not take
  /// a tensor of this shape, and of "torchscript.output.item" where the answer is none.
  std::vector<float> run(const std::vector<float>& values, const std::vector<std::int64_t>& shape,
                         std::vector<std::int64_t>& sides) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sonoforge
