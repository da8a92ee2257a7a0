#include "transducers/receive.hpp"

#include <cmath>

#include "support.hpp"

namespace sonoforge {
namespace {

using testing::error_key;

TEST(Receive, RecordLengthFollowsDepthDurationOrSamples) {
  ReceiveConfig receive;
  receive.sampling_rate = 40_MHz;
  receive.duration = 50_us;
  EXPECT_EQ(receive.sample_count(1540, 1e-6, 1e-6), 2000u);
  receive.duration.reset();
  receive.samples = 1234;
  EXPECT_EQ(receive.sample_count(1540, 1e-6, 1e-6), 1234u);
  receive.samples.reset();
  receive.depth = 38.5_mm;  // 2 x 38.5 mm / 1540 m/s = 50 us; with 3 us of firing and 0.51 us of pulse: 2140.4 samples
  EXPECT_EQ(receive.sample_count(1540, 3e-6, 0.51e-6), 2142u);
  receive.start = 10_us;  // 400 samples later
  EXPECT_EQ(receive.sample_count(1540, 3e-6, 0.51e-6), 1742u);
}

TEST(Receive, ExactlyOneLengthIsNeeded) {
  ReceiveConfig receive;
  receive.sampling_rate = 40_MHz;
  EXPECT_EQ(error_key([&] { receive.check(); }), "");
  receive.depth = 40_mm;
  EXPECT_EQ(error_key([&] { receive.check(); }), "(none)");
  receive.duration = 50_us;
  EXPECT_EQ(error_key([&] { receive.check(); }), "duration");
  receive.duration.reset();
  receive.samples = 100;
  EXPECT_EQ(error_key([&] { receive.check(); }), "samples");
}

TEST(Receive, RefusesEmptyAndAbsurdRecords) {
  ReceiveConfig receive;
  EXPECT_EQ(error_key([&] { receive.check(); }), "sampling_rate");
  receive.sampling_rate = 40_MHz;
  receive.depth = 10_mm;  // its echoes are in after 13 us
  receive.start = 20_us;
  EXPECT_EQ(error_key([&] { (void)receive.sample_count(1540, 0, 0); }), "depth");
  receive.start = 0;
  receive.depth = 1000;
  receive.sampling_rate = 1e11;
  EXPECT_EQ(error_key([&] { (void)receive.sample_count(1540, 0, 0); }), "depth");
}

}  // namespace
}  // namespace sonoforge
