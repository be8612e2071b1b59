#!/bin/bash
# From a fresh Debian or Ubuntu to a running container with one command:
#   sudo ./scripts/quickstart.sh [--keep]
# Installs what is missing, builds wharfd, starts it with a socket and directories of its own (nothing else on the machine is
# touched), makes an image of the host's busybox and runs it with the docker CLI. Everything is stopped and removed at the
# end; with --keep the daemon goes on, and the script says how to reach and how to stop it.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/setup.sh"

KEEP=
for argument in "$@"; do
  case $argument in
    --keep) KEEP=1 ;;
    *) die "usage: sudo ./scripts/quickstart.sh [--keep]" ;;
  esac
done

setup_daemon

BASE=${WHARFD_QUICKSTART_DIR:-/var/lib/wharfd-quickstart}
SOCKET=/run/wharfd-quickstart.sock
PIDFILE=/run/wharfd-quickstart.pid
BRIDGE_IP=${WHARFD_QUICKSTART_BIP:-172.31.255.1/24}
export DOCKER_HOST=unix://$SOCKET DOCKER_CLI_HINTS=false
export DOCKER_CONFIG=$BASE/docker-config
unset DOCKER_CONTEXT DOCKER_TLS_VERIFY DOCKER_CERT_PATH

# Prints a command, then runs it.
show() {
  local word shown=
  for word in "$@"; do
    [[ $word =~ ^[a-zA-Z0-9_./:=@-]+$ ]] || word="'$word'"
    shown+=" $word"
  done
  printf '\n\033[1;32m$%s\033[0m\n' "$shown"
  "$@"
}

stop_daemon() {
  local pid
  pid=$(cat "$PIDFILE" 2>/dev/null) || return 0
  kill "$pid" 2>/dev/null || return 0
  for _ in $(seq 100); do kill -0 "$pid" 2>/dev/null || return 0; sleep 0.1; done
  say "the daemon (pid $pid) does not stop"
}

clean_up() {
  local status=$?
  [ $status = 0 ] || { say "the quickstart failed; the end of the daemon's log:"; tail -20 "$BASE/wharfd.log" 2>/dev/null >&2; }
  if [ -n "$KEEP" ] && [ $status = 0 ]; then return; fi
  docker ps -aq 2>/dev/null | xargs -r docker rm -f >/dev/null 2>&1 || true
  stop_daemon
  # The bridge is the default one only in name: no other daemon has it here.
  [ -z "$MADE_BRIDGE" ] || ip link delete docker0 2>/dev/null || true
  [ -z "$MADE_TABLE" ] || nft delete table inet wharfd 2>/dev/null || true
  [ -z "$FORWARDING" ] || echo "$FORWARDING" >/proc/sys/net/ipv4/ip_forward
  rm -rf "$BASE" /run/wharfd-quickstart "$SOCKET" "$PIDFILE"
}

MADE_BRIDGE=
MADE_TABLE=
FORWARDING=$(cat /proc/sys/net/ipv4/ip_forward)
[ ! -S "$SOCKET" ] || ! docker version >/dev/null 2>&1 || die "a quickstart daemon runs already: stop it with  sudo kill \$(cat $PIDFILE)"
mkdir -p "$BASE/docker-config"
printf '{}' >"$BASE/daemon.json"
# Where another engine has docker0, the quickstart does without a bridge of its own.
NETWORK=()
if ip link show docker0 >/dev/null 2>&1; then
  say "there is a docker0 already: the quickstart's containers get no network"
  NETWORK=(--network none)
  BRIDGE=(--bridge none)
else
  MADE_BRIDGE=1
  BRIDGE=(--bip "$BRIDGE_IP")
fi
nft list table inet wharfd >/dev/null 2>&1 || MADE_TABLE=1
trap clean_up EXIT

say "starting the daemon (log: $BASE/wharfd.log)"
setsid node "$WHARFD_ROOT/dist/cli.js" --host "unix://$SOCKET" --data-root "$BASE/data" --exec-root /run/wharfd-quickstart \
  --pidfile "$PIDFILE" --config-file "$BASE/daemon.json" "${BRIDGE[@]}" >>"$BASE/wharfd.log" 2>&1 </dev/null &
for _ in $(seq 100); do
  docker version >/dev/null 2>&1 && break
  kill -0 $! 2>/dev/null || die "the daemon did not start"
  sleep 0.1
done

say "an image of this machine's busybox"
ROOTFS=$(mktemp -d /tmp/wharfd-rootfs.XXXXXX)
mkdir -p "$ROOTFS"/{bin,etc,tmp,root}
cp "$(command -v busybox)" "$ROOTFS/bin/busybox"
for applet in sh ls cat echo ps hostname uname ip ping sleep; do ln -s busybox "$ROOTFS/bin/$applet"; done
printf 'root:x:0:0:root:/root:/bin/sh\n' >"$ROOTFS/etc/passwd"
tar -C "$ROOTFS" -cf "$ROOTFS.tar" .
rm -rf "$ROOTFS"

show docker version
show docker import "$ROOTFS.tar" busybox
rm -f "$ROOTFS.tar"
show docker images
show docker run --rm "${NETWORK[@]}" busybox echo 'Hello from a container run by wharfd'
show docker run -d --name greeter "${NETWORK[@]}" busybox sh -c 'while echo tick; do sleep 1; done'
show docker ps
show docker exec greeter ps
sleep 2
show docker logs --tail 2 greeter
show docker rm -f greeter

if [ -n "$KEEP" ]; then
  say "
The daemon goes on. Use it with
  export DOCKER_HOST=$DOCKER_HOST
and stop it with
  sudo kill \$(cat $PIDFILE) && sudo rm -rf $BASE"
else
  say "
It works. (With --keep the daemon would go on.)"
fi
