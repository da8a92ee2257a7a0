#!/usr/bin/env bash
# Fetches the browser driver (versions fixed by package-lock.json) into the build folder and runs browser_test.mjs there.
#     run.sh SOURCE_FOLDER WORK_FOLDER PROGRAM [FOLDER WITH THE CONFIGS]
# Exit code 77: node or npm is missing, so the program has no page to test.
set -eu
source=$1 work=$2 program=$3
command -v node > /dev/null && command -v npm > /dev/null || { echo "node or npm is missing: there is no page to test"; exit 77; }
mkdir -p "$work"
cp "$source/package.json" "$source/package-lock.json" "$source/browser_test.mjs" "$work/"
cd "$work"
cmp -s package-lock.json .installed || { npm ci --no-audit --no-fund --ignore-scripts > npm.log 2>&1 || { cat npm.log; exit 1; }; cp package-lock.json .installed; }
exec node browser_test.mjs "$program" "$work/screenshots" ${4:+"$4"}
