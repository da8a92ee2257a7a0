#pragma once
#include <filesystem>
#include <string_view>

namespace sonoforge {

/// Writes a file so that it appears whole or not at all: beside the target, synced, renamed. Throws `UserError` (full disk,
/// read-only folder) and then leaves nothing behind.
void write_file_atomically(const std::filesystem::path& file, std::string_view content);

/// Creates a folder with its parents. Throws `UserError` when that is impossible.
void make_folder(const std::filesystem::path& folder);

/// The whole file as text; `UserError` if missing or larger than `max_bytes`.
std::string read_file(const std::filesystem::path& file, std::size_t max_bytes = std::size_t{1} << 30);

}  // namespace sonoforge
