#pragma once
#include <filesystem>
#include <functional>

namespace sonoforge::lab {

/// Serves the lab's page and its interface on 127.0.0.1 until interrupted. `port` 0: any free one; `ready` is told which.
/// `models`: see lab/models.hpp; empty: none. Throws `UserError` where the port cannot be had, the models are not there, or the page
/// was not built.
void serve(int port, const std::filesystem::path& models, const std::function<void(int)>& ready);

}  // namespace sonoforge::lab
