#pragma once
#include <filesystem>
#include <string>

namespace sonoforge {

/// Throws the `UserError` of a file whose content cannot be used; `text` reads "problem (why). Suggestion".
[[noreturn]] void refuse_file(const std::filesystem::path& file, const std::string& text);

}  // namespace sonoforge
