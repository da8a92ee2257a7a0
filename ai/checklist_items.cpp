#include <algorithm>
#include <map>

#include "ai/bootstrap.hpp"
#include "ai/checklist.hpp"

namespace sonoforge {
namespace {

using Status = ChecklistItem::Status;

bool has_section(const ReportOrigin& origin, const std::string& key) {
  return std::any_of(origin.sections.begin(), origin.sections.end(),
                     [&](const ReportSection& s) { return s.key == key && !s.html.empty(); });
}

struct Answered {
  Status status;
  std::string where;
};
using Answers = std::map<std::string, Answered>;

/// What this report says on each topic: the one place for it, since the lists ask the same in different words.
Answers answers(const ValidateConfig& config, const Evaluation& evaluation, const ReportOrigin& origin) {
  const auto met = [](const std::string& where) { return Answered{Status::met, where}; };
  const auto partly = [](const std::string& where) { return Answered{Status::partly, where}; };
  const auto missing = [](const std::string& where) { return Answered{Status::missing, where}; };
  const auto either = [&](bool holds, const Answered& yes, const Answered& no) { return holds ? yes : no; };
  const bool described = config.torchscript.has_value();
  const bool ours = !config.model.empty() && !described;
  const bool classes = config.task == ValidationTask::classification;
  const bool few = std::any_of(evaluation.groups.begin(), evaluation.groups.end(), [](const GroupResult& g) {
    return g.group == "all" && g.estimate.patients < few_cases;
  });
  const auto elsewhere = missing("the model, or its predictions, were made elsewhere");
  const auto users = [&](const std::string& what) { return missing(what + ": the user's to say"); };
  Answers a{
      {"title", met("first lines")},
      {"summary", met("first lines")},
      {"use", missing("a matter of the product, not of simulated data")},
      {"aims", partly("task and gates of the config under Origin; their reasons are the user's to say")},
      {"inequality", missing("simulated patients have none of the attributes")},
      {"design", met("first lines: data simulated for this purpose")},
      {"source", met("Origin; README.md of the data set")},
      {"dates", missing("simulated patients have no dates")},
      {"setting", missing("no clinic: simulated patients")},
      {"eligible", partly("distributions of the data set's config; simulated patients only")},
      {"treatment", missing("simulated patients are not treated")},
      {"acquisition", met("dataset.yaml and the resolved config in every sample")},
      {"subsets", met("every case of the split: cases.csv")},
      {"persons", met("no person's data are used")},
      {"ethics", met("no persons and no animals took part: What this report cannot show")},
      {"gaps", met("none are left out: cases.csv")},
      {"reference", met("exact truth of the phantom: How the numbers are made")},
      {"annotators", met("no annotators: the truth is computed")},
      {"blinding", met("truth and model are computed apart; the model is given images alone")},
      {"split", met("README.md of the data set; no patient is in two splits")},
      {"initial", either(ours, met("seed in the metadata of the model"), elsewhere)},
      {"training", either(ours, met("metadata of the model; train.yaml and history.csv beside it"), elsewhere)},
      {"structure",
       either(ours, met("metadata of the model, Origin"),
              described ? partly("what goes in and what comes out, Origin; the rest was made elsewhere") : elsewhere)},
      {"software", either(ours, met("version under Origin"),
                          partly("version of this program under Origin; the model's is not known"))},
      {"preprocessing", either(ours || described, met("Origin"), elsewhere)},
      {"inputs", either(ours || described, met("kind, size and axes of the input, Origin"), elsewhere)},
      {"ensemble", either(ours, met("metadata of the model: members"), elsewhere)},
      {"balance",
       either(ours, met("train.yaml in the metadata of the model: balanced, weights of the loss"), elsewhere)},
      {"metrics", partly("definitions under Groups; the choice is the user's")},
      {"uncertainty", met("How the numbers are made")},
      {"threshold", met("'threshold' in the config under Origin, fixed before the test")},
      {"fairness",
       either(!config.subgroups.empty(), met("Groups, Differences between groups"), missing("add 'subgroups:'"))},
      {"explanation", missing("not done here")},
      {"internal", met("first lines: the split of the same data set")},
      {"external", missing("needs patients")},
      {"differences", either(origin.same_data_set, met("training and test are splits of one data set: Origin"),
                             partly("hashes of both data sets under Origin"))},
      {"flow", met("first lines, Groups")},
      {"patients", partly("factors in manifest.csv; simulated patients have no other")},
      {"severity", either(!config.subgroups.empty(), met("Groups"), partly("factors in cases.csv; add 'subgroups:'"))},
      {"interval", met("none: truth and image are of the same instant")},
      {"results", met("first lines, Groups")},
      {"counts", met("patients and cases of every group: Groups")},
      {"table", either(classes, met("sensitivity, specificity and counts: Groups, cases.csv"),
                       partly("every case with its truth: cases.csv"))},
      {"failure", either(!origin.pictures.empty(), met("Cases, Worst slices"), partly("worst values in Groups"))},
      {"harm", missing("no patient was examined")},
      {"limits", met("What this report cannot show")},
      {"practice", missing("nothing follows for practice from simulated data: What this report cannot show")},
      {"users", missing("who would use the model, and how: the product's to say")},
      {"update", missing("the model is judged as it is")},
      {"protocol", users("where the protocol is")},
      {"registration", missing("needs a registry")},
      {"available", partly("hashes under Origin; where data, model and code are kept is the user's to say")},
      {"funding", users("who paid, and their role")},
      {"interests", users("interests of the authors")},
      {"public", missing("no patients or public took part")},
      {"audit", partly("every case, and how many models this split has judged: cases.csv, first lines")},
  };
  a["enough"] = few ? partly("fewer than 50 patients: see the warning") : met("Groups");
  a["size"] = has_section(origin, "plan")
                  ? a["enough"].status == Status::met ? met("Plan") : partly("Plan; fewer than 50 patients")
                  : partly("reached precision under Sample size; add 'plan:' before the data exist");
  a["robustness"] = has_section(origin, "robustness") ? met("Robustness")
                    : evaluation.twins.empty()        ? missing("generate twins")
                                                      : partly("Twins");
  return a;
}

struct Item {
  const char* number;
  const char* topic;
  const char* key;
};

// Numbers are those of the published lists, words ours. Each list's numbering was compared with lists that authors of
// several studies filled in and published, not with the journals' own tables; the letters of STARD-AI (15a to 40b) with
// one.

/// [tejani2024], 44 items.
const std::vector<Item> claim_items{
    {"1", "Title says that AI is studied, and which kind", "title"},
    {"2", "Summary of design, methods, results", "summary"},
    {"3", "Background, intended use", "use"},
    {"4", "Aims and hypotheses", "aims"},
    {"5", "Data gathered before or after the question", "design"},
    {"6", "Goal of the study", "aims"},
    {"7", "Where data come from", "source"},
    {"8", "Who is included and who is not", "eligible"},
    {"9", "What is done to data before the model", "preprocessing"},
    {"10", "Parts of the data that were chosen", "subsets"},
    {"11", "Removal of what identifies persons", "persons"},
    {"12", "Missing data", "gaps"},
    {"13", "How images were acquired", "acquisition"},
    {"14", "How the reference standard was obtained", "reference"},
    {"15", "Why this reference standard", "reference"},
    {"16", "Who annotated", "annotators"},
    {"17", "Annotation of the test set", "annotators"},
    {"18", "How much annotators differ", "annotators"},
    {"19", "How data were shared out over partitions", "split"},
    {"20", "At which level partitions are apart", "split"},
    {"21", "Intended size of the test set", "size"},
    {"22", "Structure of the model, inputs, outputs", "structure"},
    {"23", "Software and versions", "software"},
    {"24", "Start values of the parameters", "initial"},
    {"25", "How it was trained", "training"},
    {"26", "How the final model was chosen", "training"},
    {"27", "Ensembles", "ensemble"},
    {"28", "Metrics of performance", "metrics"},
    {"29", "Measures of uncertainty and significance", "uncertainty"},
    {"30", "Robustness or sensitivity", "robustness"},
    {"31", "How answers of the model can be explained", "explanation"},
    {"32", "Test on data of the same origin", "internal"},
    {"33", "Test on data from elsewhere", "external"},
    {"34", "Registration of a clinical trial", "registration"},
    {"35", "How many were included and left out", "flow"},
    {"36", "Characteristics of cases in each partition", "patients"},
    {"37", "Performance of the final model, in groups too", "results"},
    {"38", "Accuracy with its precision", "results"},
    {"39", "Where and why the model fails", "failure"},
    {"40", "Limits", "limits"},
    {"41", "What follows for practice", "practice"},
    {"42", "Where protocol and details are", "protocol"},
    {"43", "Whether software, model and data can be had", "available"},
    {"44", "Funding and role of funders", "funding"},
};

/// [collins2024], 27 items with their letters.
const std::vector<Item> tripod_items{
    {"1", "Title names model, population and outcome", "title"},
    {"2", "Structured summary", "summary"},
    {"3a", "Setting in care, existing models", "use"},
    {"3b", "For whom, by whom and where in care", "use"},
    {"3c", "Known inequalities between groups", "inequality"},
    {"4", "Aims: development, evaluation or both", "aims"},
    {"5a", "Where data come from, and whom they stand for", "source"},
    {"5b", "Dates of the data", "dates"},
    {"6a", "Setting and places", "setting"},
    {"6b", "Who is included and who is not", "eligible"},
    {"6c", "Treatments received", "treatment"},
    {"7", "Preparation of data, alike for all groups", "preprocessing"},
    {"8a", "Outcome, and how it is determined", "reference"},
    {"8b", "Who determined the outcome", "annotators"},
    {"8c", "Whether they knew the predictors", "blinding"},
    {"9a", "Choice of the predictors", "inputs"},
    {"9b", "Definition of the predictors, how and when measured", "acquisition"},
    {"9c", "Who judged the predictors", "annotators"},
    {"10", "Size of the study and why it is enough", "size"},
    {"11", "Missing data", "gaps"},
    {"12a", "How data were used and parted", "split"},
    {"12b", "Form of the predictors in the model", "inputs"},
    {"12c", "Kind of model, its building and tuning", "training"},
    {"12d", "Differences between clusters, as clinics", "fairness"},
    {"12e", "Measures and plots of performance", "metrics"},
    {"12f", "Updating or recalibration after evaluation", "update"},
    {"12g", "How predictions were computed in evaluation", "structure"},
    {"13", "Imbalance of classes", "balance"},
    {"14", "Fairness: what was done and why", "fairness"},
    {"15", "Output of the model, and choice of thresholds", "threshold"},
    {"16", "Differences between development and evaluation", "differences"},
    {"17", "Ethics and consent", "ethics"},
    {"18a", "Funding", "funding"},
    {"18b", "Interests", "interests"},
    {"18c", "Protocol", "protocol"},
    {"18d", "Registration", "registration"},
    {"18e", "Whether data can be had", "available"},
    {"18f", "Whether code can be had", "available"},
    {"19", "Part taken by patients and public", "public"},
    {"20a", "Flow of participants", "flow"},
    {"20b", "Their characteristics", "patients"},
    {"20c", "Comparison with the data of development", "differences"},
    {"21", "Participants and events in each analysis", "counts"},
    {"22", "The model in full, so that others can use it", "structure"},
    {"23a", "Performance with intervals, in groups too", "results"},
    {"23b", "Differences of performance between clusters", "fairness"},
    {"24", "Results of updating", "update"},
    {"25", "Interpretation, fairness included", "aims"},
    {"26", "Limits", "limits"},
    {"27a", "What to do with poor or missing inputs", "users"},
    {"27b", "What users must do and know", "users"},
    {"27c", "Next steps", "practice"},
};

/// [sounderajah2025], 40 items with their letters.
const std::vector<Item> stard_items{
    {"1", "Title says that diagnostic accuracy of AI is studied", "title"},
    {"2", "Structured summary", "summary"},
    {"3", "Background, intended use and place in care", "use"},
    {"4", "Aims and hypotheses", "aims"},
    {"5", "Data gathered before or after the tests", "design"},
    {"6", "Approval of ethics, or why none", "ethics"},
    {"7", "Who and what data are included", "eligible"},
    {"8", "How they were found", "source"},
    {"9", "Where and when", "setting"},
    {"10", "Consecutive, random or as came", "design"},
    {"11", "Origin of the data set", "source"},
    {"12", "Annotation of the data set", "annotators"},
    {"13", "Devices and software of acquisition", "acquisition"},
    {"14", "Acquisition and preparation of data", "preprocessing"},
    {"15a", "The index test in detail", "structure"},
    {"15b", "How it was developed, and on which partitions", "training"},
    {"15c", "Its thresholds, fixed before or found after", "threshold"},
    {"15d", "Who uses it", "users"},
    {"16a", "The reference standard in detail", "reference"},
    {"16b", "Why this one", "reference"},
    {"16c", "Its thresholds", "reference"},
    {"17a", "What readers of the index test knew", "blinding"},
    {"17b", "What assessors of the reference knew", "blinding"},
    {"18", "How accuracy is estimated and compared", "uncertainty"},
    {"19", "Results that cannot be told", "gaps"},
    {"20", "Missing data", "gaps"},
    {"21", "Analyses of variability", "robustness"},
    {"22", "Intended size and why", "size"},
    {"23", "How fairness was judged", "fairness"},
    {"24", "Flow of participants", "flow"},
    {"25", "Characteristics in each partition", "patients"},
    {"26a", "How severe the disease is in those who have it", "severity"},
    {"26b", "Other diagnoses in those who have not", "severity"},
    {"27", "Time between index test and reference", "interval"},
    {"28", "Whether the test set stands for the population", "external"},
    {"29", "Differences from data elsewhere", "external"},
    {"30", "Index test against reference, counted", "table"},
    {"31", "Accuracy with its precision", "results"},
    {"32", "Harm by the tests", "harm"},
    {"33", "Limits", "limits"},
    {"34", "What follows for practice", "practice"},
    {"35", "Ethics and fairness discussed", "inequality"},
    {"36", "Registration", "registration"},
    {"37", "Protocol", "protocol"},
    {"38", "Funding", "funding"},
    {"39", "Commercial interests", "interests"},
    {"40a", "Whether data and code can be had", "available"},
    {"40b", "Whether outputs can be audited", "audit"},
};

}  // namespace

std::vector<ChecklistItem> checklist(const ValidateConfig& config, const Evaluation& evaluation,
                                     const ReportOrigin& origin) {
  const Answers known = answers(config, evaluation, origin);
  std::vector<ChecklistItem> all;
  for (const auto& [list, items] :
       {std::pair{"CLAIM 2024", &claim_items}, {"TRIPOD+AI", &tripod_items}, {"STARD-AI", &stard_items}})
    for (const auto& item : *items) {
      const Answered& answer = known.at(item.key);
      all.push_back({list, item.number, item.topic, answer.status, answer.where});
    }
  return all;
}

}  // namespace sonoforge
