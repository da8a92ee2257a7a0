#include "ai/models.hpp"

#include <numbers>

#include "ai/network_builder.hpp"
#include "ai/survival.hpp"

namespace sonoforge {
namespace {

void visit_size(FieldVisitor& visit, std::int64_t& width, std::int64_t& depth, UNet::Blocks& blocks, double& dropout) {
  visit(width, {.key = "width", .doc = "Features at full resolution; doubled at each halving.", .min = 1, .max = 256});
  visit(depth, {.key = "depth", .doc = "How often the resolution is halved.", .min = 1, .max = 6});
  visit.choice(blocks, {"plain", "residual"},
               {.key = "blocks", .doc = "Two convolutions, or two with their input added to them."});
  visit(dropout, {.key = "dropout",
                  .doc = "Share of coarse features that are switched off at random in training.",
                  .min = 0,
                  .max = 0.9});
}

void check_size(std::int64_t width, std::int64_t depth) {
  if ((width << depth) > 2048)
    throw ConfigError("width", "the deepest level would have " + std::to_string(width << depth) +
                                   " features (at most 2048: width times 2^depth). Lower width or depth");
}

void add_block(NetworkBuilder& net, UNet::Blocks blocks, const std::string& name, std::int64_t outputs) {
  if (blocks == UNet::Blocks::plain)
    net.block(name, outputs);
  else
    net.residual_block(name, outputs);
}

std::string level_name(const char* side, std::int64_t level) { return side + std::to_string(level); }

}  // namespace

void UNet::fields(FieldVisitor& visit) {
  visit_size(visit, width, depth, blocks, dropout);
  visit(attention, {.key = "attention", .doc = "Gates that weight fine features by the coarse ones they join."});
}

void UNet::check() const { check_size(width, depth); }

void UNet::add_trunk(NetworkBuilder& net, bool keep_deep) const {
  for (std::int64_t level = 0; level <= depth; ++level) {
    if (level > 0) net.halve();
    add_block(net, blocks, level_name("down", level), features(level));
    if (level + 2 > depth) net.drop();
    if (level < depth) net.save(level_name("skip", level));
  }
  if (keep_deep) net.save("deep");
  for (std::int64_t level = depth - 1; level >= finest(); --level) {
    const std::string skip = level_name("skip", level);
    net.widen(level_name("widen", level), features(level));
    if (attention) net.gate(level_name("gate", level), skip);
    net.join(skip);
    add_block(net, blocks, level_name("up", level), features(level));
  }
}

ModelSource UNet::build(TensorShape input, std::int64_t outputs) const {
  NetworkBuilder net(input, dropout);
  add_trunk(net, false);
  net.convolve("head", outputs, 1, true, false);
  return std::move(net).finish();
}

ModelSource UNet::build_heads(TensorShape input, const std::vector<HeadSize>& heads) const {
  constexpr std::int64_t hidden = 32;  // features between the two last layers of a head that answers once
  if (finest() != 0) return ModelConfig::build_heads(input, heads);
  NetworkBuilder net(input, dropout);
  add_trunk(net, true);
  net.save("fine");
  std::vector<std::string> names;
  for (const HeadSize& head : heads) {
    net.recall(head.whole ? "deep" : "fine");
    if (head.whole) {
      net.pool_all();
      net.weigh_all("hidden_" + head.name, hidden, std::numbers::sqrt2);
      net.leak();
    }
    net.convolve("head_" + head.name, head.outputs, 1, true, false);
    names.push_back("out_" + head.name);
    net.save(names.back());
  }
  net.line_up(names);
  return std::move(net).finish();
}

ModelSource ModelConfig::build_heads(TensorShape, const std::vector<HeadSize>&) const {
  throw ConfigError("model", "this model has one head only (several tasks need one each). Write for example 'model: {type: unet}'");
}

void Detector::check() const {
  UNet::check();
  if (depth < 3)
    throw ConfigError("depth", "a detector answers at a quarter of the resolution (it must see coarser ones). Write 'depth: 3' or more");
}

void Encoder::fields(FieldVisitor& visit) {
  visit_size(visit, width, depth, blocks, dropout);
  visit(hidden, {.key = "hidden", .doc = "Features between the last two layers.", .min = 1, .max = 4096});
  visit(coordinates, {.key = "coordinates", .doc = "Two more channels that say where a pixel is."});
}

void Encoder::check() const { check_size(width, depth); }

ModelSource Encoder::build(TensorShape input, std::int64_t outputs) const {
  NetworkBuilder net(input, dropout);
  if (coordinates) net.add_coordinates();
  for (std::int64_t level = 0; level <= depth; ++level) {
    if (level > 0) net.halve();
    add_block(net, blocks, level_name("down", level), width << level);
  }
  net.pool_all();
  net.drop();
  net.weigh_all("hidden", hidden, std::numbers::sqrt2);
  net.leak();
  net.convolve("head", outputs, 1, true, false);
  return std::move(net).finish();
}

void EnergyModel::fields(FieldVisitor& visit) {
  visit(features, {.key = "features", .doc = "Filters whose outputs are squared.", .min = 1, .max = 512});
  visit(kernel, {.key = "kernel", .doc = "Pixels a side of each filter; 0: each is as large as the image.", .min = 0, .max = 31});
}

void EnergyModel::check() const {
  if (kernel > 0 && kernel % 2 == 0) throw ConfigError("kernel", "a filter has a pixel in its middle (" + std::to_string(kernel) + " is even). Write for example " + std::to_string(kernel + 1));
}

ModelSource EnergyModel::build(TensorShape input, std::int64_t outputs) const {
  NetworkBuilder net(input);
  if (kernel == 0)
    net.weigh_all("filter", features, 1);
  else
    net.convolve("filter", features, kernel, false, false);
  net.square();
  net.weigh_all("energy", outputs);
  return std::move(net).finish();
}

void ScriptedModel::fields(FieldVisitor& visit) {
  visit(file, {.key = "file", .doc = "TorchScript file, as torch.jit.save writes it.", .required = true});
  visit(output_stride, {.key = "stride",
                        .doc = "Input pixels a side that share one output; 0: one output for the whole image.",
                        .min = 0,
                        .max = 64});
}

ModelSource ScriptedModel::build(TensorShape input, std::int64_t outputs) const {
  ModelSource source;
  source.script = "def logits(self, x, keep):\n    return self.body.forward(x)\n";
  source.modules["body"] = file;
  source.output = output_stride == 0 ? TensorShape{outputs, 1, 1}
                                     : TensorShape{outputs, input.depth / output_stride, input.lateral / output_stride};
  return source;
}

const Catalog& model_catalog() {
  static const Catalog catalog{
      "model",
      "What is trained.",
      {row_of<UNet>("unet", "U-Net: an answer at every pixel from several resolutions."),
       row_of<Encoder>("encoder", "Convolutions and halvings, then one answer for the whole image."),
       row_of<Detector>("detector", "U-Net that ends at a quarter of the resolution, for centres of objects."),
       row_of<EnergyModel>("energy", "Squares of filtered pixels, weighted and added up: one answer for the whole image."),
       row_of<VisitsModel>("visits", "Recurrent: reads the visits of a patient one after the other."),
       row_of<ScriptedModel>("torchscript", "A module of your own, from a TorchScript file.")},
      {},
      "unet"};
  return catalog;
}

}  // namespace sonoforge
