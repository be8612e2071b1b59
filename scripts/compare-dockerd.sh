#!/bin/bash
# Starts a real dockerd in a network and mount namespace of its own, to look a behaviour up or to measure against:
#
#   scripts/compare-dockerd.sh DIR [dockerd flags…]
#
# DIR (short: socket paths end at 107 bytes) gets docker.sock, docker.pid, log and all data. Runs in the foreground; ends with the
# dockerd, which ends with Ctrl-C or `kill $(cat DIR/docker.pid)`. Needs root and Debian's docker.io package (or any dockerd, containerd
# and runc on $PATH); nothing of it touches a dockerd of the machine. Then, in another terminal:
#
#   DOCKER_HOST=unix://DIR/docker.sock docker info
#   npm run bench -- --against unix://DIR/docker.sock
#   WHARF_TEST_TARGET=unix://DIR/docker.sock npx vitest run --project e2e    # do our tests describe dockerd?
set -euo pipefail
[ $# -ge 1 ] || { sed -n '2,15p' "$0"; exit 2; }
dir=$(mkdir -p "$1" && cd "$1" && pwd); shift
for program in dockerd containerd runc; do
  command -v "$program" >/dev/null || { echo "no $program on \$PATH: apt-get install docker.io" >&2; exit 1; }
done
rm -f "$dir/docker.pid" "$dir/docker.sock"
exec unshare --net --mount --propagation private bash -c '
  dir=$1; shift
  ip link set lo up
  mount -t tmpfs tmpfs /run   # containerd insists on /run/containerd; keep it out of the machine
  mkdir -p "$dir/exec" "$dir/data"
  exec dockerd --host "unix://$dir/docker.sock" --data-root "$dir/data" --exec-root "$dir/exec" --pidfile "$dir/docker.pid" "$@" >"$dir/log" 2>&1
' compare-dockerd "$dir" "$@"
