#include "io/file_checks.hpp"

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <fstream>

#include "core/error.hpp"
#include "core/memory.hpp"

namespace sonoforge {

std::string ending_of(const std::filesystem::path& file) {
  std::string name = file.filename().string();
  std::transform(name.begin(), name.end(), name.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  if (name.ends_with(".nii.gz")) return ".nii.gz";
  return std::filesystem::path(name).extension().string();
}

void refuse_file(const std::filesystem::path& file, const std::string& text) {
  Problem problem;
  problem.where.file = file.string();
  problem.text = text;
  throw UserError(std::move(problem));
}

void check_memory(const std::filesystem::path& file, const std::string& what, std::size_t bytes) {
  const auto machine = installed_memory();
  if (static_cast<double>(bytes) <= 0.75 * machine) return;
  char text[160];
  std::snprintf(text, sizeof text,
                " needs %.3g GB of memory (this machine has %.3g GB). Use a smaller file or a larger machine",
                static_cast<double>(bytes) * 1e-9, machine * 1e-9);
  refuse_file(file, what + text);
}

std::uintmax_t regular_file_size(const std::filesystem::path& file) {
  auto fail = [&](const std::string& text) { refuse_file(file, text); };
  std::error_code error;
  const auto status = std::filesystem::status(file, error);
  if (status.type() == std::filesystem::file_type::not_found) fail("no such file. Check the path");
  if (status.type() == std::filesystem::file_type::directory)
    fail("this is a folder (a file is needed). Name one file in it");
  if (status.type() == std::filesystem::file_type::none)
    fail("cannot open the file (" + error.message() + "). Check the path");
  if (status.type() != std::filesystem::file_type::regular)
    fail("not a regular file (a device or a pipe). Copy it to a file");
  const auto size = std::filesystem::file_size(file, error);
  if (error) fail("cannot open the file (" + error.message() + "). Check the path");
  if (size == 0) fail("the file is empty. Take an intact copy");
  return size;
}

std::string read_file_start(const std::filesystem::path& file, std::size_t bytes) {
  std::ifstream stream(file, std::ios::binary);
  if (!stream) refuse_file(file, "cannot open the file (no permission). Check who may read it");
  std::string start(bytes, '\0');
  stream.read(start.data(), static_cast<std::streamsize>(bytes));
  start.resize(static_cast<std::size_t>(stream.gcount()));
  return start;
}

}  // namespace sonoforge
