#pragma once
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>

#include "core/error.hpp"

namespace sonoforge {

/// A fixture with a folder of its own that is gone afterwards.
class TestFolder : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto* info = ::testing::UnitTest::GetInstance()->current_test_info();
    folder = std::filesystem::temp_directory_path() /
             ("sonoforge_" + std::string(info->test_suite_name()) + info->name() + std::to_string(getpid()));
    std::filesystem::create_directories(folder);
  }
  void TearDown() override { std::filesystem::remove_all(folder); }

  static std::string bytes(const std::filesystem::path& file) {
    std::ifstream stream(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(stream), {}};
  }
  static void put(const std::filesystem::path& file, const std::string& content) {
    std::ofstream(file, std::ios::binary | std::ios::trunc) << content;
  }
  /// The text of the UserError that the action throws; other exceptions pass through and fail the test.
  template <class Action>
  static std::string error_of(Action&& action) {
    try {
      action();
    } catch (const UserError& error) {
      return error.what();
    }
    return "no error";
  }
  std::size_t files() const {
    return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(folder), {}));
  }

  /// Reads `count` damaged versions of a file: bytes changed (in `region` bytes from the start; 0 = anywhere), blocks
  /// zeroed, ends cut off. Anything but success or a UserError escapes and fails the test; a crash ends it. Returns how
  /// many were refused.
  template <class Read>
  int fuzz(const std::string& content, int count, Read&& read, std::size_t region = 0) {
    std::mt19937 random(20240601);
    const auto range = region == 0 ? content.size() : std::min(region, content.size());
    auto below = [&](std::size_t n) { return static_cast<std::size_t>(random()) % n; };
    int refused = 0;
    for (int i = 0; i < count; ++i) {
      auto broken = content;
      const auto changes = 1 + below(6);
      for (std::size_t k = 0; k < changes; ++k) {
        const auto at = below(range);
        switch (below(4)) {
          case 0:
            broken[at] = static_cast<char>(random());
            break;
          case 1:
            broken[at] = static_cast<char>(broken[at] ^ (1 << below(8)));
            break;
          case 2:
            broken[at] = '\xff';
            break;
          default:
            for (std::size_t b = at; b < std::min(at + below(16), range); ++b) broken[b] = '\0';
        }
      }
      if (below(10) == 0) broken.resize(1 + below(broken.size()));
      const auto file = folder / "fuzzed";
      put(file, broken);
      try {
        read(file);
      } catch (const UserError&) {
        ++refused;
      }
    }
    return refused;
  }

  std::filesystem::path folder;
};

}  // namespace sonoforge
