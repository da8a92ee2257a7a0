#!/usr/bin/env bash
# Fetches the browser driver (versions fixed by package-lock.json) into the build folder and runs browser_test.mjs there.
#     run.sh SOURCE_FOLDER WORK_FOLDER PROGRAM [FOLDER WITH THE CONFIGS]
# Exit code 77: node or npm is missing, so the program has no page to test, or the registry of npm cannot be reached.
set -eu
source=$1 work=$2 program=$3
command -v node > /dev/null && command -v npm > /dev/null || { echo "node or npm is missing: there is no page to test"; exit 77; }
mkdir -p "$work"
cp "$source/package.json" "$source/package-lock.json" "$source/browser_test.mjs" "$work/"
cd "$work"
if ! cmp -s package-lock.json .installed; then
  npm ci --no-audit --no-fund --ignore-scripts > npm.log 2>&1 || {
    cat npm.log
    if grep -qE 'ENOTFOUND|EAI_AGAIN|ECONN|ETIMEDOUT|ENETUNREACH|EHOSTUNREACH|CERT|UNABLE_TO_' npm.log; then
      echo "the registry of npm cannot be reached: the browser driver is missing"
      exit 77
    fi
    exit 1
  }
  cp package-lock.json .installed
fi
exec node browser_test.mjs "$program" "$work/screenshots" ${4:+"$4"}
