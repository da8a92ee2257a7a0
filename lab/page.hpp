#pragma once
#include <span>
#include <string_view>

namespace sonoforge::lab {

/// A file of the page, compiled into the program.
struct PageFile {
  std::string_view name, type, content;
};
/// The lessons: "lessons/NAME.md".
std::span<const PageFile> lesson_files();
/// Empty where the program was built without node.
std::span<const PageFile> page_files();

}  // namespace sonoforge::lab
