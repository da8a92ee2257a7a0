#include "ai/several.hpp"

#include <algorithm>
#include <cctype>
#include <set>
#include <span>

#include "ai/model_input.hpp"
#include "ai/script_number.hpp"

namespace sonoforge {
namespace {

/// A script whose functions have names of their own.
std::string renamed(std::string script, const std::string& prefix) {
  for (const std::string name : {"loss(", "dice_loss(", "cross_entropy_loss("}) {
    std::string result;
    for (std::size_t at = 0; at < script.size();) {
      const bool begins = at == 0 || !(std::isalnum(static_cast<unsigned char>(script[at - 1])) ||
                                       script[at - 1] == '_' || script[at - 1] == '.');
      if (begins && script.compare(at, name.size(), name) == 0) {
        result += prefix + name;
        at += name.size();
      } else {
        result += script[at++];
      }
    }
    script = std::move(result);
  }
  return script;
}

std::span<const float> slice(const std::vector<float>& values, std::size_t first, std::size_t count) {
  return std::span(values).subspan(first, count);
}

}  // namespace

void SeveralTask::Head::fields(FieldVisitor& visit) {
  visit(
      name,
      {.key = "name", .doc = "Of its outputs and of the folder heads/NAME: letters, digits and _.", .required = true});
  visit(weight, {.key = "weight", .doc = "Of its loss in the sum.", .min = 0, .max = 1e6});
  visit.typed(task, task_catalog(), {.key = "task", .doc = "What it learns.", .required = true});
  visit.typed(loss, loss_catalog(),
              {.key = "loss", .doc = "What it makes small (default: the usual one of its task)."});
}

void SeveralTask::Head::check() const {
  const bool word = !name.empty() && name.size() <= 40 &&
                    std::all_of(name.begin(), name.end(), [](unsigned char c) { return std::isalnum(c) || c == '_'; });
  if (!word)
    throw ConfigError(
        "name", "'" + name + "' is no name (letters, digits and _, at most 40). Write for example 'name: outline'");
  if (task->kind() == TruthKind::several || task->kind() == TruthKind::heat_map || task->kind() == TruthKind::follow_up)
    throw ConfigError(
        "task",
        "task " + task.type + " cannot be a head (heads answer at every pixel or once for an image). Train it alone");
  if (task->input != "image" || task->transmits_kept() > 0)
    throw ConfigError("task",
                      "heads share one input (the key 'input' of the whole task), and none sees fewer transmits. "
                      "Remove it from the head");
  if (loss && !loss->fits(task->kind()))
    throw ConfigError("loss", "a loss of type " + loss.type + " does not fit task " + task.type +
                                  " (its truth is of another kind). Write for example 'loss: " + task->default_loss() +
                                  "'");
}

void SeveralTask::settle(const TensorShape& pixels) {
  pixels_ = pixels;
  for (Head& head : heads)
    if (!head.loss) head.loss = Typed<LossConfig>::make(loss_catalog(), head.task->default_loss());
}

void SeveralTask::fields(FieldVisitor& visit) {
  visit_input(visit);
  visit.list(heads, {.key = "heads",
                     .doc = "What is learned together; the first one's score chooses the best epoch.",
                     .required = true,
                     .max_items = 20});
}

void SeveralTask::check() const {
  check_input();
  if (heads.empty())
    throw ConfigError("heads",
                      "there is no head (nothing is learned). Write for example 'heads: [{name: outline, task: {type: "
                      "segmentation}}]'");
  std::set<std::string> names;
  double weights = 0;
  for (const Head& head : heads) {
    if (!names.insert(head.name).second)
      throw ConfigError("heads", "two heads are called '" + head.name + "' (their results would be one). Rename one");
    weights += head.weight;
  }
  if (weights == 0)
    throw ConfigError("heads",
                      "all weights are zero (nothing would be trained). Give at least one head a positive weight");
}

std::int64_t SeveralTask::channels() const {
  std::int64_t sum = 0;
  for (const Head& head : heads) sum += head.task->channels();
  return sum;
}

std::vector<std::string> SeveralTask::output_names() const {
  std::vector<std::string> names;
  for (const Head& head : heads)
    for (const auto& name : head.task->output_names()) names.push_back(head.name + "." + name);
  return names;
}

TensorShape SeveralTask::output_shape(std::size_t h) const {
  const Head& head = heads[h];
  return head.whole() ? TensorShape{head.outputs(), 1, 1} : TensorShape{head.outputs(), pixels_.depth, pixels_.lateral};
}

TensorShape SeveralTask::truth_shape(std::size_t h) const {
  TensorShape shape = output_shape(h);
  shape.channels = heads[h].task->channels();
  return shape;
}

std::vector<float> SeveralTask::truth(const SampleRecord& sample, const TensorShape&) const {
  std::vector<float> all;
  for (std::size_t h = 0; h < heads.size(); ++h) {
    const auto one = heads[h].task->truth(sample, truth_shape(h));
    all.insert(all.end(), one.begin(), one.end());
  }
  return all;
}

TruthScale SeveralTask::scale_of(const TruthScale& scale, std::size_t h) const {
  std::ptrdiff_t first = 0;
  for (std::size_t k = 0; k < h; ++k) first += heads[k].task->channels();
  const std::ptrdiff_t last = first + heads[h].task->channels();
  return {{scale.mean.begin() + first, scale.mean.begin() + last},
          {scale.deviation.begin() + first, scale.deviation.begin() + last}};
}

TruthScale SeveralTask::scale(const std::vector<std::vector<float>>& truths) const {
  TruthScale all;
  std::size_t first = 0;
  for (std::size_t h = 0; h < heads.size(); ++h) {
    std::vector<std::vector<float>> own;
    for (const auto& truth : truths) {
      const auto one = slice(truth, first, truth_shape(h).size());
      own.emplace_back(one.begin(), one.end());
    }
    const TruthScale one = heads[h].task->scale(own);
    all.mean.insert(all.mean.end(), one.mean.begin(), one.mean.end());
    all.deviation.insert(all.deviation.end(), one.deviation.begin(), one.deviation.end());
    first += truth_shape(h).size();
  }
  return all;
}

void SeveralTask::change_parts(std::vector<float>& truth,
                               const std::function<void(std::size_t, std::vector<float>&)>& change) const {
  auto at = truth.begin();
  for (std::size_t h = 0; h < heads.size(); ++h) {
    std::vector<float> part(at, at + static_cast<std::ptrdiff_t>(truth_shape(h).size()));
    change(h, part);
    at = std::copy(part.begin(), part.end(), at);
  }
}

void SeveralTask::standardise(std::vector<float>& truth, const TruthScale& scale) const {
  change_parts(truth,
               [&](std::size_t h, std::vector<float>& part) { heads[h].task->standardise(part, scale_of(scale, h)); });
}

void SeveralTask::mirror_truth(std::vector<float>& truth, const TensorShape&) const {
  change_parts(truth,
               [&](std::size_t h, std::vector<float>& part) { heads[h].task->mirror_truth(part, truth_shape(h)); });
}

std::string SeveralTask::part(std::size_t h, const std::string& x) const {
  std::size_t first = 0;
  for (std::size_t k = 0; k < h; ++k) first += output_shape(k).size();
  const TensorShape shape = output_shape(h);
  return x + "[:, " + std::to_string(first) + ":" + std::to_string(first + shape.size()) + "].reshape([" + x +
         ".size(0), " + std::to_string(shape.channels) + ", " + std::to_string(shape.depth) + ", " +
         std::to_string(shape.lateral) + "])";
}

std::string SeveralTask::activation(const TruthScale&, double, std::int64_t) const {
  // The heads' own activations are methods of their own, see network_source.
  std::string list;
  for (std::size_t h = 0; h < heads.size(); ++h)
    list += (h ? ", " : "") + std::string("self.answer_") + heads[h].name + "(" + part(h, "x") +
            ").reshape([x.size(0), -1, 1, 1])";
  return "    return torch.cat([" + list + "], 1)\n";
}

double SeveralTask::score(const std::vector<ScoredSample>& samples, const TensorShape&) const {
  std::vector<ScoredSample> own;
  const std::size_t outputs = output_shape(0).size(), truths = truth_shape(0).size();
  for (const auto& sample : samples) {
    const auto output = slice(sample.output, 0, outputs), truth = slice(sample.truth, 0, truths);
    own.push_back({{output.begin(), output.end()}, {truth.begin(), truth.end()}});
  }
  return heads.front().task->score(own, truth_shape(0));
}

std::string SeveralLoss::script() const {
  std::string script, sum;
  std::size_t first = 0;
  for (std::size_t h = 0; h < task_.heads.size(); ++h) {
    const auto& head = task_.heads[h];
    const TensorShape truth = task_.truth_shape(h);
    script += renamed(head.loss->script(), "h" + std::to_string(h) + "_");
    sum += (h ? " + " : "") + script_number(head.weight) + " * h" + std::to_string(h) + "_loss(" +
           task_.part(h, "logits") + ", truth[:, " + std::to_string(first) + ":" +
           std::to_string(first + truth.size()) + "].reshape([truth.size(0), " + std::to_string(truth.channels) + ", " +
           std::to_string(truth.depth) + ", " + std::to_string(truth.lateral) + "]))";
    first += truth.size();
  }
  return script + "def loss(logits, truth):\n    return " + sum + "\n";
}

}  // namespace sonoforge
