#include "ai/split.hpp"

#include <gtest/gtest.h>

#include "ai/dataset_checks.hpp"
#include "ai/generate.hpp"
#include "ai/sha256.hpp"

namespace sonoforge {
namespace {

/// A rare type of lesion, a size and a side.
Factors patient_factors(std::uint64_t patient) {
  const RandomStream random(3, patient, "split test");
  Factors factors;
  factors["type"] = {random.uniform_at(0) < 0.1 ? "rare" : "common", false, 0, ""};
  factors["size"] = {"", true, 1e-3 + 9e-3 * random.uniform_at(1), "m"};
  return factors;
}

SplitShares balanced(std::vector<std::pair<std::string, std::vector<std::string>>> by) {
  SplitShares shares;
  for (auto& [factor, edges] : by) {
    shares.stratify.emplace_back();
    shares.stratify.back().factor = factor;
    shares.stratify.back().edges = edges;
  }
  return shares;
}

TEST(PatientSplitsTest, SharesHoldInEachStratum) {
  const SplitShares shares = balanced({{"type", {}}, {"size", {"3 mm", "6 mm"}}});
  for (const std::uint64_t seed : {1u, 7u, 42u}) {
    PatientSplits splits(shares, seed, patient_factors);
    std::map<std::string, std::map<std::string, int>> count;
    std::map<std::string, int> size;
    for (std::uint64_t p = 0; p < 400; ++p) ++count[splits.stratum(p)][splits.split(p)], ++size[splits.stratum(p)];
    ASSERT_EQ(count.size(), 6u);
    EXPECT_TRUE(size.contains("type = rare, size 3 mm to 6 mm"));
    EXPECT_TRUE(size.contains("type = common, size from 6 mm"));
    for (auto& [stratum, of] : count) {
      // The discrepancy of the golden ratio's Weyl sequence: an interval holds its share of n points to fewer than 3 at
      // these lengths. Drawing each patient alone would miss by 2.1 sigma = 2.1 sqrt(120 * 0.7 * 0.3) = 10 at the worst
      // of 18 counts.
      EXPECT_NEAR(of["train"], 0.70 * size[stratum], 3) << stratum;
      EXPECT_NEAR(of["validation"], 0.15 * size[stratum], 3) << stratum;
      EXPECT_NEAR(of["test"], 0.15 * size[stratum], 3) << stratum;
    }
  }
}

TEST(PatientSplitsTest, ASplitDoesNotDependOnOtherPatientsThatAreAskedFor) {
  const SplitShares shares = balanced({{"type", {}}, {"size", {}}});
  PatientSplits forwards(shares, 5, patient_factors), only_late(shares, 5, patient_factors);
  std::vector<std::string> all;
  for (std::uint64_t p = 0; p < 100; ++p) all.push_back(forwards.split(p));
  for (const std::uint64_t p : {99u, 3u, 50u}) EXPECT_EQ(only_late.split(p), all[p]);
  // Without edges a number is cut at quartiles: four strata a type.
  std::map<std::string, int> sizes;
  for (std::uint64_t p = 0; p < 1000; ++p) ++sizes[forwards.stratum(p)];
  EXPECT_EQ(sizes.size(), 8u);
  for (const auto& [stratum, count] : sizes) {
    // 0.9 * 1000 / 4; a quartile of 256 has sd sqrt(0.25 * 0.75 / 256) = 2.7 %, each count two of them: 225 +- 2.5
    // * 34.
    if (stratum.starts_with("type = common")) {
      EXPECT_NEAR(count, 225, 86) << stratum;
    }
  }
}

TEST(PatientSplitsTest, WithoutStrataTheSplitIsThatOfTheIndex) {
  PatientSplits splits(SplitShares{}, 9, patient_factors);
  for (std::uint64_t p = 0; p < 50; ++p) {
    EXPECT_EQ(splits.split(p), split_of_patient(SplitShares{}, 9, p));
    EXPECT_EQ(splits.stratum(p), "");
  }
}

std::string mistake(const SplitShares& shares) {
  try {
    PatientSplits(shares, 1, patient_factors);
  } catch (const ConfigError& error) {
    return error.what();
  }
  return "";
}

TEST(PatientSplitsTest, MistakesAreTold) {
  EXPECT_NE(mistake(balanced({{"typ", {}}})).find("Did you mean 'type'?"), std::string::npos);
  EXPECT_NE(mistake(balanced({{"type", {"3 mm"}}})).find("edges need numbers"), std::string::npos);
  EXPECT_NE(mistake(balanced({{"size", {"3 s"}}})).find("Correct its unit"), std::string::npos);
  EXPECT_NE(mistake(balanced({{"size", {"3 mm", "3 mm"}}})).find("do not increase"), std::string::npos);
  EXPECT_THROW(balanced({{"size", {}}, {"size", {}}}).check(), ConfigError);
}

/// Speckle: a smooth random field in dB, with a share of a second one mixed in.
RealMap speckle(std::uint64_t seed, double own = 1) {
  PixelGrid grid;
  grid.x = {0, 1e-4, 90};
  grid.z = {0, 1e-4, 120};
  RealMap image(grid);
  const RandomStream a(seed, 0, "speckle"), b(seed + 1000, 0, "speckle");
  const double other = std::sqrt(1 - own * own);
  for (std::size_t z = 0; z < 120; ++z)
    for (std::size_t x = 0; x < 90; ++x) {
      const std::uint64_t cell = z / 3 * 90 + x / 3;
      image.values(z, 0, x) = static_cast<float>(
          -30 + 5 * (own * a.normal_pair_at(cell)[0] + other * b.normal_pair_at(cell)[0]) - 10 * (z > 60));
    }
  return image;
}

TEST(ImagePrintTest, BitsTellTheCorrelation) {
  const ImagePrint original = image_print(speckle(1));
  EXPECT_EQ(print_correlation(original, image_print(speckle(1))), 1);
  // c = cos(pi h / 512), h binomial: sd of c = pi sin(acos c) sqrt(p (1 - p) / 512) with p = acos(c) / pi; 4 sd asked.
  for (const double c : {0.5, 0.8, 0.95}) {
    const double p = std::acos(c) / std::numbers::pi;
    const double sd = std::numbers::pi * std::sqrt(1 - c * c) * std::sqrt(p * (1 - p) / 512);
    // 1200 independent cells: the sample's own correlation has sd (1 - c^2) / sqrt(1200).
    EXPECT_NEAR(print_correlation(original, image_print(speckle(1, c))), c, 4 * std::hypot(sd, (1 - c * c) / 34.6))
        << c;
  }
  for (std::uint64_t seed = 2; seed < 30; ++seed)
    EXPECT_LT(print_correlation(original, image_print(speckle(seed))), 0.5) << seed;  // also share a step of 10 dB
  const auto parsed = ImagePrint::parse(original.sha256, original.bits_text());
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->bits, original.bits);
  EXPECT_FALSE(ImagePrint::parse("a", "zz"));
  EXPECT_FALSE(ImagePrint::parse("a", std::string(128, 'g')));
}

TEST(DatasetChecksTest, FindsEveryKindOfLeak) {
  std::vector<ManifestRow> rows;
  std::vector<ImagePrint> prints;
  const auto add = [&](const std::string& patient, const std::string& split, const RealMap& image,
                       const std::string& twin = "") {
    ManifestRow row;
    row.patient = patient;
    row.id = patient + twin + std::to_string(rows.size());
    row.split = split;
    row.twin = twin;
    prints.push_back(image_print(image));
    row.sha256 = sha256(row.id);
    rows.push_back(row);
  };
  for (std::uint64_t p = 0; p < 40; ++p) add("p" + std::to_string(p), p % 2 ? "train" : "test", speckle(100 + p));
  add("p0", "test", speckle(100), "twin");  // the patient's own twin is no leak
  EXPECT_TRUE(check_dataset(rows, prints).clean());
  EXPECT_NE(check_dataset(rows, prints).text(rows).find("all pairs of 41 images compared: 0."), std::string::npos);

  add("p50", "train", speckle(104));       // equal to p4's, across splits
  add("p51", "test", speckle(106, 0.97));  // nearly p6's
  rows.back().sha256 = rows[7].sha256;     // the same file as p7's
  auto checks = check_dataset(rows, prints);
  EXPECT_EQ(checks.pairs.count, 2u);
  EXPECT_EQ(checks.pairs_across_splits, 1u);
  ASSERT_EQ(checks.pairs.pairs.size(), 2u);
  EXPECT_EQ(checks.pairs.pairs[0].first, 4u);
  EXPECT_EQ(checks.pairs.pairs[0].second, 41u);
  EXPECT_TRUE(checks.pairs.pairs[0].equal);
  EXPECT_FALSE(checks.pairs.pairs[1].equal);
  EXPECT_EQ(checks.equal_files, 1u);
  rows[3].patient = "p4";
  checks = check_dataset(rows, prints);
  EXPECT_EQ(checks.patients_in_two_splits, std::vector<std::string>{"p4"});
  EXPECT_FALSE(checks.clean());
}

}  // namespace
}  // namespace sonoforge
