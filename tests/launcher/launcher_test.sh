#!/usr/bin/env bash
# The launcher `sonoforge` in a checkout of its own, with stand-ins for cmake and dpkg-query: where it is called from, through
# which name, by how many at once, with packages missing, and where nothing can be written.   launcher_test.sh SOURCE_FOLDER
set -eu
source=$1
base=$(mktemp -d)
trap 'chmod -R u+w "$base"; rm -rf "$base"' EXIT
checkout="$base/a checkout [1]+"
failures=0

mkdir -p "$checkout/tools" "$base/bin" "$base/elsewhere"
cp "$source/sonoforge" "$checkout/"
cp "$source/tools/packages.sh" "$checkout/tools/"
touch "$checkout/CMakeLists.txt" "$checkout/CMakePresets.json"
for folder in core io formats phantoms transducers sim recon ai app lab; do mkdir "$checkout/$folder"; touch "$checkout/$folder/a.cpp"; done
find "$checkout" -exec touch -d '1 hour ago' {} +

# A build takes a moment, is counted, and must not happen twice at once. The program tells where and with what it was started.
cat > "$base/bin/cmake" << 'STANDIN'
#!/usr/bin/env bash
case "$1" in
  --preset)
    mkdir -p "build/$2"
    printf 'CMAKE_HOME_DIRECTORY:INTERNAL=%s\n' "$PWD" > "build/$2/CMakeCache.txt"
    ;;
  --build)
    mkdir "$2/building" || exit 1
    sleep 0.5
    printf '#!/usr/bin/env bash\nprintf "%%s|" "$PWD" "$@"\n' > "$2/sonoforge"
    chmod +x "$2/sonoforge"
    rmdir "$2/building"
    echo built >> "$BUILDS"
    ;;
esac
STANDIN
# All packages are installed, but for those in MISSING.
cat > "$base/bin/dpkg-query" << 'STANDIN'
#!/usr/bin/env bash
for name in "${@:3}"; do case " ${MISSING:-} " in *" $name "*) ;; *) echo "ii  $name" ;; esac; done
STANDIN
printf '#!/bin/sh\necho "apt-get $*" >> "%s/installed"\n' "$base" > "$base/bin/apt-get"
chmod +x "$base/bin/"*
export PATH="$base/bin:$PATH" BUILDS="$base/builds"
: > "$BUILDS"

expect() {  # expect WHAT FOUND EXPECTED
  if [ "$2" != "$3" ]; then
    printf '%s:\n  found    %s\n  expected %s\n' "$1" "$2" "$3" >&2
    failures=$((failures + 1))
  fi
}
builds() { wc -l < "$BUILDS" | tr -d ' '; }

# Packages are missing and must not be installed: exit code 2, their names, nothing installed or built.
code=0
text=$(MISSING="libtbb-dev cmake" SONOFORGE_NO_INSTALL=1 "$checkout/sonoforge" info 2>&1) || code=$?
expect "missing packages: exit code" "$code" 2
case $text in *"cmake libtbb-dev"*) ;; *) expect "missing packages: message" "$text" "names both" ;; esac
expect "missing packages: builds" "$(builds)" 0
[ ! -e "$base/installed" ] || expect "missing packages: apt-get" "$(cat "$base/installed")" "not called"

# Four at once on a fresh checkout: one builds, all run, with their own folder and arguments.
cd "$base/elsewhere"
for i in 1 2 3 4; do "$checkout/sonoforge" run "a config.yaml" "$i" > "out$i" 2> "err$i" & done
wait
for i in 1 2 3 4; do expect "at once: process $i" "$(cat "out$i")" "$base/elsewhere|run|a config.yaml|$i|"; done
expect "at once: builds" "$(builds)" 1

# Through a link, through a relative path, by the search path; nothing is built again.
ln -s "$checkout/sonoforge" "$base/bin/sf"
expect "through a link" "$(sf check x.yaml)" "$base/elsewhere|check|x.yaml|"
expect "relative path" "$("../a checkout [1]+/sonoforge" check)" "$base/elsewhere|check|"
expect "empty argument" "$("$checkout/sonoforge" "" " ")" "$base/elsewhere|| |"
expect "no change: builds" "$(builds)" 1

# With the program up to date, missing packages do not matter.
expect "up to date, packages missing" "$(MISSING=cmake SONOFORGE_NO_INSTALL=1 sf info)" "$base/elsewhere|info|"

# A changed source is built, once; a removed one too.
touch "$checkout/sim/a.cpp"
expect "changed source" "$(sf info 2> /dev/null)" "$base/elsewhere|info|"
expect "changed source: builds" "$(builds)" 2
expect "built again" "$(sf info 2> /dev/null)" "$base/elsewhere|info|"
rm "$checkout/sim/a.cpp"
expect "removed source" "$(sf info 2> /dev/null)" "$base/elsewhere|info|"
expect "removed source: builds" "$(builds)" 3

# The checkout moves: the build is made for the new place.
mv "$checkout" "$base/moved"
checkout="$base/moved"
touch "$checkout/io/a.cpp"
expect "moved" "$("$checkout/sonoforge" info 2> /dev/null)" "$base/elsewhere|info|"
case $(cat "$checkout/build/release/CMakeCache.txt") in *"$base/moved") ;; *) expect "moved: cache" "another folder" "$base/moved" ;; esac

# A checkout that cannot be written: a file stands where the lock would be made, which stops the administrator too.
rm "$checkout/build/.lock"
mkdir "$checkout/build/.lock"
expect "read-only, up to date" "$("$checkout/sonoforge" info 2>&1)" "$base/elsewhere|info|"
touch "$checkout/io/a.cpp"
before=$(builds)
text=$("$checkout/sonoforge" info 2>&1) || true
case $text in *"may be older"*"$base/elsewhere|info|") ;; *) expect "read-only, stale" "$text" "a warning, and the old program" ;; esac
rm "$checkout/build/release/sonoforge"
code=0
text=$("$checkout/sonoforge" info 2>&1) || code=$?
expect "read-only, not built: exit code" "$code" 2
case $text in *"writable copy"*) ;; *) expect "read-only, not built: message" "$text" "says what to do" ;; esac
expect "read-only: builds" "$(builds)" "$before"

# A build that fails ends with exit code 1 and is tried again the next time.
rmdir "$checkout/build/.lock"
mkdir "$checkout/build/release/building"
code=0
"$checkout/sonoforge" info > /dev/null 2>&1 || code=$?
expect "failed build: exit code" "$code" 1
rmdir "$checkout/build/release/building"
expect "after a failed build" "$("$checkout/sonoforge" info 2> /dev/null)" "$base/elsewhere|info|"

[ "$failures" = 0 ] || { echo "$failures expectations failed" >&2; exit 1; }
