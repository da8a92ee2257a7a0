#include "ai/manifest.hpp"

#include <gtest/gtest.h>

#include "io/csv.hpp"
#include "ai/sha256.hpp"
#include "tests/io/test_folder.hpp"

namespace sonoforge {
namespace {

TEST(Sha256Test, StandardVectors) {
  // Examples of FIPS 180-4 and of NIST's test vectors.
  EXPECT_EQ(sha256(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(sha256("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(sha256("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  // A million times 'a', in uneven pieces.
  Sha256 hash;
  std::size_t left = 1000000, piece = 1;
  while (left > 0) {
    const std::size_t n = std::min(left, piece);
    hash.add(std::string(n, 'a'));
    left -= n;
    piece = piece * 2 % 997 + 1;
  }
  EXPECT_EQ(hash.hex(), "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

class ManifestTest : public TestFolder {
 protected:
  std::filesystem::path file() const { return folder / "manifest.csv"; }
  const std::string hash = sha256("x");
  const std::string header = "id,patient,visit,twin,split,seed,file,sha256,lesion_radius [m],kind\n";
  std::string row(const std::string& id, const std::string& patient, const std::string& split) const {
    return id + "," + patient + ",0,," + split + ",7,samples/" + id + ".hdf5," + hash + ",0.003,cyst\n";
  }
};

TEST_F(ManifestTest, WritesAndReadsBack) {
  ManifestRow a{.id = "p0_0", .patient = "p0", .split = "train", .seed = 18446744073709551615u, .file = "samples/p0/0.hdf5", .sha256 = hash};
  ManifestRow b{.id = "p1_0", .patient = "p1", .visit = 2, .twin = "no shadow", .split = "test", .file = "samples/p1/0.hdf5", .sha256 = hash};
  Factors fa, fb;
  fa["lesion_radius"] = {"4.2 mm", true, 0.1 + 0.2, "m"};
  fa["kind"] = {"benign, \"soft\"", false, 0, ""};
  fb["kind"] = {"x\ny", false, 0, ""};
  const auto manifest = make_manifest({a, b}, {fa, fb});
  write_manifest(file(), manifest);
  const auto back = read_manifest(file());
  EXPECT_EQ(back.factor_names, (std::vector<std::string>{"kind", "lesion_radius"}));
  EXPECT_EQ(back.factor_units, (std::vector<std::string>{"", "m"}));
  ASSERT_EQ(back.rows.size(), 2u);
  EXPECT_EQ(back.rows[0].seed, 18446744073709551615u);
  EXPECT_EQ(back.rows[0].factors[0], "benign, \"soft\"");
  double value = 0;
  ASSERT_TRUE(factor_number(back.rows[0].factors[1], value));
  EXPECT_EQ(value, 0.1 + 0.2);
  EXPECT_EQ(back.rows[1].visit, 2);
  EXPECT_EQ(back.rows[1].twin, "no shadow");
  EXPECT_EQ(back.rows[1].factors[0], "x\ny");
  EXPECT_EQ(back.rows[1].factors[1], "");
  EXPECT_EQ(manifest_text(back), bytes(file()));
}

TEST_F(ManifestTest, ReadsCrLf) {
  std::string text = header + row("a", "p", "train");
  for (std::size_t at = 0; (at = text.find('\n', at)) != std::string::npos; at += 2) text.insert(at, "\r");
  put(file(), text);
  EXPECT_EQ(read_manifest(file()).rows[0].factors[1], "cyst");
}

TEST_F(ManifestTest, ReportsEveryMistakeWithItsLine) {
  put(file(), header + row("a", "p", "train") + row("a", "p", "test") + "b,q,0,,train,7\n" +
                  "c,r,-1,,tset,7x,../c.hdf5,123,0.003,cyst\n");
  const auto error = error_of([&] { read_manifest(file()); });
  for (const char* expected :
       {"manifest.csv:3:1: id 'a' appears twice", "manifest.csv:3:1: patient 'p' is in split train and in test",
        "manifest.csv:4:1: row of 6 cells", "manifest.csv:5:1: visit '-1'", "manifest.csv:5:1: unknown split 'tset'",
        "manifest.csv:5:1: seed '7x'", "manifest.csv:5:1: file '../c.hdf5'", "manifest.csv:5:1: sha256 '123'"})
    EXPECT_NE(error.find(expected), std::string::npos) << expected << "\n" << error;
}

TEST_F(ManifestTest, RefusesOtherTables) {
  put(file(), "");
  EXPECT_NE(error_of([&] { read_manifest(file()); }).find("empty"), std::string::npos);
  put(file(), "a,b\n1,2\n");
  EXPECT_NE(error_of([&] { read_manifest(file()); }).find("not a manifest"), std::string::npos);
  put(file(), header + "\"a,p\n");
  EXPECT_NE(error_of([&] { read_manifest(file()); }).find("quote is not closed"), std::string::npos);
  EXPECT_NE(error_of([&] { read_manifest(folder / "none.csv"); }), "no error");
  const auto content = header + row("a", "p", "train") + row("b", "q", "test");
  fuzz(content, 300, [&](const auto& broken) { read_manifest(broken); });
}

}  // namespace
}  // namespace sonoforge
