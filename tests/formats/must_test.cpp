#include "formats/must.hpp"

#include <gtest/gtest.h>

#include "formats/convert.hpp"
#include "formats/reader.hpp"
#include "io/mat.hpp"
#include "tests/formats/support.hpp"
#include "tests/io/test_folder.hpp"

namespace sonoforge {
namespace {

class Must : public TestFolder {
 protected:
  static ZeaFile one_transmit(std::size_t which) {
    ZeaFile content;
    Acquisition& acquisition = content.acquisition = test::every_wave();
    auto& sequence = acquisition.sequence;
    sequence.transmits = {sequence.transmits.at(which)};
    sequence.receive_delays.clear();
    acquisition.start = {acquisition.start.at(which)};
    acquisition.samples = test::numbered(2, 1, acquisition.probe.size(), 37);
    return content;
  }
};

TEST_F(Must, WhatIsWrittenIsReadBack) {
  // Plane, diverging, one element, and two plane waves superposed. Delays are numbers of their own kind in both: equal.
  for (const std::size_t which : {0, 1, 3, 4}) {
    const ZeaFile content = one_transmit(which);
    const Acquisition& out = content.acquisition;
    write_any(folder / "a.mat", content);
    EXPECT_EQ(detect_format(folder / "a.mat"), "must");
    const ZeaFile again = read_any(folder / "a.mat");
    const Acquisition& in = again.acquisition;
    ASSERT_EQ(in.samples.shape(), out.samples.shape()) << which;
    for (std::size_t i = 0; i < out.samples.size(); ++i) ASSERT_EQ(in.samples.data()[i], out.samples.data()[i]);
    EXPECT_EQ(in.sampling_rate, out.sampling_rate);
    EXPECT_EQ(in.centre_frequency, out.centre_frequency);
    EXPECT_EQ(in.sound_speed, out.sound_speed);
    EXPECT_EQ(in.sequence.frame_rate, out.sequence.frame_rate);
    EXPECT_EQ(in.start, out.start);
    EXPECT_EQ(in.probe.elevation_focus, out.probe.elevation_focus);
    EXPECT_NEAR(in.probe.bandwidth, out.probe.bandwidth, 1e-15);
    for (std::size_t e = 0; e < out.probe.size(); ++e) {
      EXPECT_NEAR(in.probe.elements[e].position.x, out.probe.elements[e].position.x, 1e-15);
      EXPECT_EQ(in.probe.elements[e].width, out.probe.elements[e].width);
      EXPECT_EQ(in.probe.elements[e].height, out.probe.elements[e].height);
    }
    const auto &laws = out.sequence.transmits[0].laws, &read = in.sequence.transmits[0].laws;
    ASSERT_EQ(read.size(), laws.size());
    for (std::size_t l = 0; l < laws.size(); ++l)
      for (std::size_t e = 0; e < out.probe.size(); ++e) {
        ASSERT_EQ(read[l].apodization[e], laws[l].apodization[e]);
        if (laws[l].apodization[e] == 0) continue;
        EXPECT_NEAR(read[l].delays[e], laws[l].delays[e], 1e-15);
      }
  }
}

TEST_F(Must, TheSameDataGiveTheSameBytes) {
  write_must(folder / "a.mat", one_transmit(0));
  write_must(folder / "b.mat", one_transmit(0));
  EXPECT_EQ(bytes(folder / "a.mat"), bytes(folder / "b.mat"));
}

TEST_F(Must, WhatHasNoPlaceIsRefusedAndLeavesNothing) {
  const auto message = [&](const ZeaFile& content) { return error_of([&] { write_any(folder / "a.mat", content); }); };
  ZeaFile all;
  all.acquisition = test::every_wave();
  EXPECT_NE(message(all).find("there are 5 transmits"), std::string::npos);
  EXPECT_NE(message(one_transmit(2)).find("apodization"), std::string::npos);
  ZeaFile delayed = one_transmit(0);
  delayed.acquisition.sequence.receive_delays.assign(delayed.acquisition.probe.size(), 0.0);
  EXPECT_NE(message(delayed).find("receive delays"), std::string::npos);
  ZeaFile matrix = one_transmit(0);
  matrix.acquisition.probe.kind = Probe::Kind::matrix;
  EXPECT_NE(message(matrix).find("no linear or convex array"), std::string::npos);
  ZeaFile iq = one_transmit(0);
  iq.acquisition.samples_q = iq.acquisition.samples;
  EXPECT_NE(message(iq).find("IQ"), std::string::npos);
  EXPECT_NE(message(ZeaFile{}).find("no channel data"), std::string::npos);
  EXPECT_EQ(files(), 0U);
}

}  // namespace
}  // namespace sonoforge
