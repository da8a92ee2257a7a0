#include "ai/network_builder.hpp"

#include <cmath>
#include <numeric>

#include "ai/script_number.hpp"

namespace sonoforge {

NetworkBuilder::NetworkBuilder(TensorShape input, double dropout) : shape_(input) {
  source_.script = "def logits(self, x, keep):\n";
  source_.dropout = dropout;
}

void NetworkBuilder::parameter(const std::string& name, std::vector<std::int64_t> shape, double mean, double spread) {
  source_.parameters.push_back({name, std::move(shape), mean, spread});
}

std::string NetworkBuilder::weigh(const std::string& name, const std::string& input, std::int64_t inputs,
                                  std::int64_t outputs, std::int64_t kernel, bool bias, bool rectified) {
  const double terms = static_cast<double>(kernel * kernel * inputs);
  parameter(name + "_weight", {outputs, inputs, kernel, kernel}, 0, std::sqrt((rectified ? 2.0 : 1.0) / terms));
  if (bias) parameter(name + "_bias", {outputs}, 0, 0);
  const std::string pad = std::to_string(kernel / 2);
  source_.multiply_adds +=
      terms * static_cast<double>(outputs) * static_cast<double>(shape_.depth * shape_.lateral);
  return "torch.conv2d(" + input + ", self." + name + "_weight, " + (bias ? "self." + name + "_bias" : "None") +
         ", [1, 1], [" + pad + ", " + pad + "], [1, 1], 1)";
}

void NetworkBuilder::convolve(const std::string& name, std::int64_t outputs, std::int64_t kernel, bool bias,
                              bool rectified) {
  line("x = " + weigh(name, "x", shape_.channels, outputs, kernel, bias, rectified));
  shape_.channels = outputs;
}

void NetworkBuilder::normalise(const std::string& name) {
  parameter(name + "_scale", {shape_.channels}, 1, 0);
  parameter(name + "_shift", {shape_.channels}, 0, 0);
  line("x = torch.group_norm(x, " + std::to_string(std::gcd(std::int64_t{8}, shape_.channels)) + ", self." + name +
       "_scale, self." + name + "_shift, 1e-5)");
}

void NetworkBuilder::block(const std::string& name, std::int64_t outputs) {
  for (const char* part : {"_1", "_2"}) {
    convolve(name + part, outputs, 3, false);
    normalise(name + part);
    rectify();
  }
}

void NetworkBuilder::residual_block(const std::string& name, std::int64_t outputs) {
  const std::int64_t inputs = shape_.channels;
  if (inputs == outputs)
    line(name + "_way = x");
  else
    line(name + "_way = " + weigh(name + "_way", "x", inputs, outputs, 1, false, false));
  convolve(name + "_1", outputs, 3, false);
  normalise(name + "_1");
  rectify();
  convolve(name + "_2", outputs, 3, false);
  normalise(name + "_2");
  line("x = torch.relu(x + " + name + "_way)");
}

void NetworkBuilder::drop() {
  if (source_.dropout == 0) return;
  const std::int64_t from = source_.keeps, to = from + shape_.channels;
  source_.keeps = to;
  line("x = x * keep[:, " + std::to_string(from) + ":" + std::to_string(to) + "].unsqueeze(2).unsqueeze(3)");
}

void NetworkBuilder::halve() {
  line("x = torch.max_pool2d(x, [2, 2])");
  shape_.depth /= 2;
  shape_.lateral /= 2;
}

void NetworkBuilder::widen(const std::string& name, std::int64_t outputs) {
  // Each output pixel has one contribution per input feature.
  const double spread = std::sqrt(1.0 / static_cast<double>(shape_.channels));
  parameter(name + "_weight", {shape_.channels, outputs, 2, 2}, 0, spread);
  parameter(name + "_bias", {outputs}, 0, 0);
  source_.multiply_adds += 4.0 * static_cast<double>(shape_.size()) * static_cast<double>(outputs);
  line("x = torch.conv_transpose2d(x, self." + name + "_weight, self." + name + "_bias, [2, 2])");
  shape_ = {outputs, 2 * shape_.depth, 2 * shape_.lateral};
}

void NetworkBuilder::pool_all() {
  line("x = torch.cat([torch.mean(x, [2, 3], True), torch.amax(x, [2, 3], True)], 1)");
  shape_ = {2 * shape_.channels, 1, 1};
}

void NetworkBuilder::weigh_all(const std::string& name, std::int64_t outputs, double spread) {
  const double terms = static_cast<double>(shape_.size());
  parameter(name + "_weight", {outputs, shape_.channels, shape_.depth, shape_.lateral}, 0, spread);
  parameter(name + "_bias", {outputs}, 0, 0);
  source_.multiply_adds += terms * static_cast<double>(outputs);
  // Divided by the root of their number, so that a step of the optimizer has the same effect for any size.
  line("x = torch.matmul(x.flatten(1), self." + name + "_weight.flatten(1).t()) / " + script_number(std::sqrt(terms)) + " + self." + name + "_bias");
  line("x = x.unsqueeze(2).unsqueeze(3)");
  shape_ = {outputs, 1, 1};
}

void NetworkBuilder::add_coordinates() {
  line("across = torch.linspace(-1.0, 1.0, x.size(3)).reshape([1, 1, 1, -1]).expand([x.size(0), 1, x.size(2), x.size(3)])");
  line("down = torch.linspace(-1.0, 1.0, x.size(2)).reshape([1, 1, -1, 1]).expand([x.size(0), 1, x.size(2), x.size(3)])");
  line("x = torch.cat([x, across, down], 1)");
  shape_.channels += 2;
}

void NetworkBuilder::save(const std::string& variable) {
  line(variable + " = x");
  saved_[variable] = shape_;
}

void NetworkBuilder::recall(const std::string& variable) {
  line("x = " + variable);
  shape_ = saved_.at(variable);
}

void NetworkBuilder::line_up(const std::vector<std::string>& variables) {
  std::string list;
  std::int64_t values = 0;
  for (const auto& variable : variables) {
    list += (list.empty() ? "" : ", ") + variable + ".reshape([x.size(0), -1, 1, 1])";
    values += static_cast<std::int64_t>(saved_.at(variable).size());
  }
  line("x = torch.cat([" + list + "], 1)");
  shape_ = {values, 1, 1};
}

void NetworkBuilder::join(const std::string& variable) {
  line("x = torch.cat([" + variable + ", x], 1)");
  shape_.channels += saved_.at(variable).channels;
}

void NetworkBuilder::gate(const std::string& name, const std::string& variable) {
  const std::int64_t from = saved_.at(variable).channels, inner = std::max<std::int64_t>(1, from / 2);
  const std::string a = weigh(name + "_skip", variable, from, inner, 1, false, false);
  const std::string b = weigh(name + "_gate", "x", shape_.channels, inner, 1, true, false);
  line(name + " = torch.relu(" + a + " + " + b + ")");
  line(variable + " = " + variable + " * torch.sigmoid(" + weigh(name + "_psi", name, inner, 1, 1, true, false) + ")");
}

ModelSource NetworkBuilder::finish() && {
  line("return x");
  source_.output = shape_;
  return std::move(source_);
}

}  // namespace sonoforge
