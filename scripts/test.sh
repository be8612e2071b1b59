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
# More than these did not fail by chance.
MOST_FILES_TO_REPEAT=5
rm -rf "$RESULTS"
mkdir -p "$RESULTS"

# A check that passes or fails as a whole.
check() {
  local name=$1
  shift
  say "== $name"
  if "$@"; then echo pass >"$RESULTS/$name.check"; else echo fail >"$RESULTS/$name.check"; fi
}

# Files in which something failed run once more, alone: on a busy machine a time-out says little. The summary names them. An error that
# belongs to no file has all of them run again.
suite() {
  say "== $1"
  run_vitest "$1" "$1"
  [ "$(cat "$RESULTS/$1.status")" = 0 ] && return
  local failed=()
  [ -e "$RESULTS/$1.json" ] && mapfile -t failed < <(node scripts/failed-files.mjs "$RESULTS/$1.json")
  [ ${#failed[@]} -gt "$MOST_FILES_TO_REPEAT" ] && return
  say "== $1, once more: ${failed[*]#"$WHARFD_ROOT/"}"
  run_vitest "$1" "$1-again" --no-file-parallelism "${failed[@]}"
}

run_vitest() {
  local project=$1 results=$2
  shift 2
  npx --no-install vitest run --project "$project" --passWithNoTests --reporter=default --reporter=json \
    --outputFile.json="$RESULTS/$results.json" "$@"
  echo $? >"$RESULTS/$results.status"
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
