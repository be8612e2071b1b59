#!/bin/bash
# Sets everything up and runs all tests. The last lines name what failed and what was skipped and why, and then
#   N passed, N failed
# over all suites; the exit status is non-zero when anything failed.
#   scripts/test.sh                 all
#   scripts/test.sh unit e2e ...    these suites only: lint format typecheck layers shim unit contract e2e faults
set -uo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/setup.sh"

ALL=(lint format typecheck layers shim unit contract e2e faults)
SUITES=("$@")
[ ${#SUITES[@]} -gt 0 ] || SUITES=("${ALL[@]}")

setup_tests
cd "$WHARFD_ROOT" || exit 1
RESULTS=build/test-results
rm -rf "$RESULTS"
mkdir -p "$RESULTS"

# A check that passes or fails as a whole.
check() {
  local name=$1
  shift
  say "== $name"
  if "$@"; then echo pass >"$RESULTS/$name.check"; else echo fail >"$RESULTS/$name.check"; fi
}

suite() {
  say "== $1"
  npx --no-install vitest run --project "$1" --passWithNoTests --reporter=default --reporter=json \
    --outputFile.json="$RESULTS/$1.json"
  echo $? >"$RESULTS/$1.status"
}

for name in "${SUITES[@]}"; do
  case $name in
    lint) check lint npm run --silent lint ;;
    format) check format npm run --silent format:check ;;
    typecheck) check typecheck npm run --silent typecheck ;;
    layers) check layers npm run --silent layers ;;
    shim) check shim make -s -C shim test ;;
    unit | contract | e2e | faults) suite "$name" ;;
    *) die "unknown suite $name; there are ${ALL[*]}" ;;
  esac
done

node scripts/summarize-tests.mjs "$RESULTS"
