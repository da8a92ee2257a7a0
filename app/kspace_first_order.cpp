#include <iostream>

// The full-wave engine stands behind this name; until it is there, callers get a clear refusal.
int main() {
  std::cerr << "error: the full-wave engine is not in this version of Sonoforge (kspaceFirstOrder-OMP needs it). Use k-Wave's own "
               "binary\n";
  return 2;
}
