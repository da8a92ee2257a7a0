#include "transducers/file_error.hpp"

#include "core/error.hpp"

namespace sonoforge {

void refuse_file(const std::filesystem::path& file, const std::string& text) {
  Problem problem;
  problem.where.file = file.string();
  problem.text = text;
  throw UserError(std::move(problem));
}

}  // namespace sonoforge
