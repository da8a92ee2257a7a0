#pragma once
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>

namespace sonoforge {

/// The ending of a name in small letters, ".nii.gz" as one; "" where there is none.
std::string ending_of(const std::filesystem::path& file);

/// Throws `UserError` with the text "problem (why). Suggestion" about a file.
[[noreturn]] void refuse_file(const std::filesystem::path& file, const std::string& text);

/// Throws `UserError` when `bytes` exceed what this machine can hold (three quarters of its memory): "`what` needs 80
/// GB ...". Call it before taking memory whose size comes from a file.
void check_memory(const std::filesystem::path& file, const std::string& what, std::size_t bytes);

/// The size of a readable regular file [bytes]. Throws `UserError` where it is missing, a folder, a pipe or a device.
std::uintmax_t regular_file_size(const std::filesystem::path& file);

/// The first bytes of a file, fewer where it is shorter. Throws `UserError` where it cannot be opened.
std::string read_file_start(const std::filesystem::path& file, std::size_t bytes);

}  // namespace sonoforge
