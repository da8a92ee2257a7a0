# Debian packages that Sonoforge needs, and how they are installed. Sourced by ./sonoforge and ./test.

build_packages="g++ cmake ninja-build pkg-config libtbb-dev libeigen3-dev libfftw3-dev libhdf5-dev libpng-dev zlib1g-dev
  libyaml-cpp-dev nlohmann-json3-dev libcli11-dev libcairo2-dev libcpp-httplib-dev libmatio-dev libdcmtk-dev fonts-dejavu-core libtorch-dev libgloo-dev ca-certificates"
test_packages="libgtest-dev libbenchmark-dev python3 python3-h5py python3-numpy python3-torch git openmpi-bin chromium"

say() { printf '%s\n' "$*" >&2; }

# missing_packages NAME...: those of the packages that are not installed.
missing_packages() {
  command -v dpkg-query > /dev/null || return 0
  local name missing=""
  local installed
  installed=$(dpkg-query -W -f='${db:Status-Abbrev} ${Package}\n' "$@" 2> /dev/null | sed -n 's/^ii *//p')
  for name in "$@"; do
    case $'\n'"$installed"$'\n' in *$'\n'"$name"$'\n'*) ;; *) missing+=" $name" ;; esac
  done
  printf '%s' "${missing# }"
}

# install_packages NAME...: installs what is missing with apt, saying so first. Called under the lock.
install_packages() {
  local missing
  missing=$(missing_packages "$@")
  [ -n "$missing" ] || return 0
  if [ -n "${SONOFORGE_NO_INSTALL:-}" ]; then
    say "Sonoforge needs Debian packages that are not installed (SONOFORGE_NO_INSTALL forbids installing them):"
    say "  $missing"
    say "Install them with: apt-get install $missing"
    exit 2
  fi
  if ! command -v apt-get > /dev/null; then
    say "Sonoforge needs these libraries (named as in Debian 12), and this system has no apt-get to install them:"
    say "  $missing"
    exit 2
  fi
  local as_root=""
  if [ "$(id -u)" != 0 ]; then
    if command -v sudo > /dev/null; then as_root=sudo; else
      say "Sonoforge needs Debian packages that are not installed. As root, type:"
      say "  apt-get install $missing"
      exit 2
    fi
  fi
  say "Installing Debian packages: $missing"
  $as_root apt-get update -qq 1>&2 || say "apt-get update failed; trying with the lists at hand."
  DEBIAN_FRONTEND=noninteractive $as_root apt-get install -y -qq --no-install-recommends $missing 1>&2 || {
    say "apt-get could not install: $missing"
    exit 2
  }
}

# configure PRESET ARGUMENT...: runs CMake where it has not run, or ran for another folder.
configure() {
  local preset=$1
  shift
  local cache=build/$preset/CMakeCache.txt
  if [ -f "$cache" ] && ! grep -qxF "CMAKE_HOME_DIRECTORY:INTERNAL=$PWD" "$cache"; then
    say "build/$preset was made for another folder; starting afresh."
    rm -rf "build/$preset"
  fi
  cmake --preset "$preset" ${Torch_DIR:+-DTorch_DIR="$Torch_DIR"} "$@" > build/configure.log 2>&1 || {
    cat build/configure.log >&2
    say "CMake could not configure the build (output above, also in build/configure.log)."
    exit 1
  }
}
