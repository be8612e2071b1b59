#!/bin/bash
# Makes a Debian or Ubuntu machine ready for wharfd: apt packages, npm packages, build. Safe to run again: what is there stays.
#   scripts/setup.sh            what the daemon needs to be built and to run
#   scripts/setup.sh --tests    and what the tests need
# scripts/quickstart.sh and scripts/test.sh source it for its functions.

WHARFD_ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

# To run: an OCI runtime, the firewall, an init for --init, ps for `docker top`. To build: the shim and better-sqlite3.
RUN_PACKAGES=(runc nftables iproute2 procps tini ca-certificates)
BUILD_PACKAGES=(gcc g++ make libc6-dev zlib1g-dev python3)
# The image of the quickstart and of the tests is made of the host's busybox.
IMAGE_PACKAGES=(busybox-static)
TEST_PACKAGES=(iptables docker-registry skopeo python3-docker docker-compose crun socat jq zstd xz-utils curl git)

say() { printf '\033[1m%s\033[0m\n' "$*" >&2; }
die() { say "error: $*"; exit 1; }

need_root() { [ "$(id -u)" = 0 ] || die "this needs root: run it with sudo"; }

is_installed() { dpkg-query -W -f='${Status}' "$1" 2>/dev/null | grep -q 'ok installed'; }

is_available() { apt-cache show "$1" >/dev/null 2>&1; }

updated=
apt_update() {
  [ -n "$updated" ] && return
  apt-get update -qq || say "apt-get update failed; going on with the package lists that are there"
  updated=1
}

# Installs the packages that are missing. Nothing that they bring starts a service meanwhile.
apt_install() {
  local missing=() package
  for package in "$@"; do is_installed "$package" || missing+=("$package"); done
  [ ${#missing[@]} = 0 ] && return
  command -v apt-get >/dev/null || die "apt-get is missing; install these packages by hand: ${missing[*]}"
  apt_update
  say "installing ${missing[*]}"
  without_services env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null ||
    die "apt-get could not install ${missing[*]}"
}

# Packages of daemons start them when they are installed, unless policy-rc.d forbids it.
without_services() {
  local policy=/usr/sbin/policy-rc.d status=0
  if [ -e "$policy" ]; then "$@"; return; fi
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod 755 "$policy"
  "$@" || status=$?
  rm -f "$policy"
  return $status
}

# As apt_install, but a package that this release does not have is only mentioned.
apt_install_available() {
  local wanted=() package
  for package in "$@"; do
    if is_installed "$package"; then continue; fi
    apt_update
    if is_available "$package"; then wanted+=("$package"); else say "this release has no package $package: tests that need it are skipped"; fi
  done
  [ ${#wanted[@]} = 0 ] || apt_install "${wanted[@]}"
}

# A docker CLI, where there is none. The package docker.io of older releases brings dockerd along, so that only the CLI
# is taken out of it.
install_docker_cli() {
  command -v docker >/dev/null && return
  apt_update
  if is_available docker-cli; then apt_install docker-cli; return; fi
  say "taking the docker CLI out of the package docker.io (without its daemon) into /usr/local/bin/docker"
  local folder
  folder=$(mktemp -d /tmp/wharfd-docker-cli.XXXXXX)
  chmod 755 "$folder"
  (cd "$folder" && apt-get download -qq docker.io >/dev/null 2>&1 && dpkg-deb --fsys-tarfile docker.io_*.deb | tar x ./usr/bin/docker) ||
    die "there is no docker CLI, and apt has no package docker.io to take it from"
  install -m 755 "$folder/usr/bin/docker" /usr/local/bin/docker
  rm -rf "$folder"
}

# The compose plugin that the tests drive (docker compose v2), outside of the repository and not where the CLI looks for plugins by itself.
COMPOSE_PLUGIN=/var/cache/wharfd-tests/cli-plugins/docker-compose

# Takes the plugin out of the first package that has it: this release's, or that of a newer suite of the same Debian mirror (the
# program runs on older releases as it is). Nothing is installed, and the machine's own package lists stay as they are.
fetch_compose_plugin() {
  [ -x "$COMPOSE_PLUGIN" ] && return
  local folder
  folder=$(mktemp -d /tmp/wharfd-compose.XXXXXX)
  chmod 755 "$folder"
  if (cd "$folder" && { download_compose_of_release || download_compose_of_newer_suite; }); then
    install -D -m 755 "$folder/usr/libexec/docker/cli-plugins/docker-compose" "$COMPOSE_PLUGIN"
  else
    say "apt has no docker compose v2: tests that need it are skipped"
  fi
  rm -rf "$folder"
}

# Into the working directory. Ubuntu's package is called docker-compose-v2; Debian's docker-compose is v2 since Debian 13.
download_compose_of_release() {
  local package
  for package in docker-compose-v2 docker-compose; do
    apt-get download -qq "$package" >/dev/null 2>&1 && dpkg-deb -x "$package"_*.deb . &&
      [ -x usr/libexec/docker/cli-plugins/docker-compose ] && return
    rm -rf usr "$package"_*.deb
  done
  return 1
}

download_compose_of_newer_suite() {
  local mirror options
  mirror=$(apt-get indextargets --format '$(SITE) $(LABEL)' 'Created-By: Packages' | awk '$2 == "Debian" { print $1; exit }')
  [ -n "$mirror" ] || return 1
  say "taking docker compose v2 out of the newest suite of $mirror"
  mkdir -p lists/partial cache/archives/partial
  echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror sid main" >sources.list
  options=(-qq -o "Dir::Etc::SourceList=$PWD/sources.list" -o Dir::Etc::SourceParts=/dev/null -o "Dir::State::Lists=$PWD/lists"
    -o "Dir::Cache=$PWD/cache" -o Acquire::Languages=none -o APT::Sandbox::User=root)
  apt-get "${options[@]}" update && apt-get "${options[@]}" download docker-compose && dpkg-deb -x docker-compose_*.deb . &&
    [ -x usr/libexec/docker/cli-plugins/docker-compose ]
}

check_node() {
  command -v node >/dev/null || die "node is missing: install Node.js 20.19 or newer"
  node -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 20 || (a === 20 && b >= 19) ? 0 : 1)' ||
    die "node $(node --version) is too old: 20.19 or newer is needed"
  command -v npm >/dev/null || die "npm is missing"
}

install_npm_packages() {
  cd "$WHARFD_ROOT" || exit
  local stamp=node_modules/.package-lock.json
  if [ -e "$stamp" ] && [ ! package-lock.json -nt "$stamp" ]; then return; fi
  say "installing npm packages (a native one may have to be compiled: some minutes)"
  npm ci --no-audit --no-fund --loglevel=error || die "npm ci failed"
  touch "$stamp"
}

build_wharfd() {
  cd "$WHARFD_ROOT" || exit
  say "building wharfd and its shim"
  npm run --silent build || die "the build failed"
}

setup_daemon() {
  need_root
  check_node
  apt_install "${RUN_PACKAGES[@]}" "${BUILD_PACKAGES[@]}" "${IMAGE_PACKAGES[@]}"
  install_docker_cli
  install_npm_packages
  build_wharfd
}

setup_tests() {
  setup_daemon
  apt_install_available "${TEST_PACKAGES[@]}"
  fetch_compose_plugin
}

if [ "${BASH_SOURCE[0]}" = "$0" ]; then
  set -euo pipefail
  case "${1:-}" in
    '') setup_daemon ;;
    --tests) setup_tests ;;
    *) die "usage: scripts/setup.sh [--tests]" ;;
  esac
fi
