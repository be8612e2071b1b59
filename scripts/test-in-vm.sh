#!/bin/bash
# Runs tests in a virtual machine with Debian's kernel: pure cgroup v2, and with macvlan, ipvlan, VLANs and dummy links, whatever this
# machine's own kernel has. Its root file system is this machine's, read-only, with a layer in memory on top; nothing is installed here
# but qemu. Without KVM the processor is emulated, about 15 times slower.
#   scripts/test-in-vm.sh test/e2e/resources.test.ts test/e2e/network-lan.test.ts   these files, with vitest
#   scripts/test-in-vm.sh -t 'ipvlan' test/e2e/network-lan.test.ts                  any arguments of vitest
#   scripts/test-in-vm.sh -- sh -c 'cat /sys/fs/cgroup/cgroup.controllers'          a command
# The exit status is that of the tests; 77 when this machine can't run the VM (a line says why). Variables:
#   WHARF_VM_CPUS=2  WHARF_VM_MEMORY_MB=3072  WHARF_VM_TIMEOUT_S=1800  WHARF_VM_ACCEL=kvm|tcg (default: kvm where it works)
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/setup.sh"

CACHE=/var/cache/wharfd-tests/vm
CPUS=${WHARF_VM_CPUS:-2}
MEMORY_MB=${WHARF_VM_MEMORY_MB:-3072}
TIMEOUT_S=${WHARF_VM_TIMEOUT_S:-1800}
# What the guest needs before it has its root file system; everything else it loads from there.
FIRST_MODULES=(virtio_pci virtio_console 9pnet_virtio 9p overlay)

cannot() { say "cannot run the virtual machine: $*"; exit 77; }

need_qemu() {
  [ "$(uname -m)" = x86_64 ] || cannot "only x86_64 is prepared, this is $(uname -m)"
  command -v qemu-system-x86_64 >/dev/null && return
  is_available qemu-system-x86 || { apt_update; is_available qemu-system-x86; } || cannot "apt has no package qemu-system-x86"
  apt_install qemu-system-x86
}

# Debian's kernel, unpacked into the cache but not installed. The generic one: that for clouds has no 9p.
fetch_kernel() {
  compgen -G "$CACHE/boot/vmlinuz-*" >/dev/null && [ -e "$CACHE/complete" ] && return
  local package folder
  kernel_package >/dev/null || apt_update
  package=$(kernel_package) || cannot "apt has no package linux-image-amd64 (this is made for Debian)"
  say "fetching $package"
  rm -rf "$CACHE"
  mkdir -p "$CACHE"
  folder=$(mktemp -d /tmp/wharfd-kernel.XXXXXX)
  chmod 755 "$folder"
  (cd "$folder" && apt-get download -qq "$package" >/dev/null 2>&1) || cannot "apt-get could not download $package"
  dpkg-deb -x "$folder"/*.deb "$CACHE"
  rm -rf "$folder"
  [ -d "$CACHE/usr/lib/modules" ] && mv "$CACHE/usr/lib" "$CACHE/lib"
  busybox depmod -b "$CACHE" "$(kernel_release)"
  touch "$CACHE/complete"
}

# linux-image-amd64 only depends on the package of the current version.
kernel_package() { apt-cache depends linux-image-amd64 2>/dev/null | awk '/Depends: linux-image-[0-9]/ { print $2; found = 1; exit } END { exit !found }'; }

kernel_release() { basename "$CACHE"/lib/modules/*; }

# A busybox, the modules and a script that mounts the root file system.
make_initramfs() {
  local target=$1 root module release modules
  release=$(kernel_release)
  modules=lib/modules/$release
  root=$(mktemp -d /tmp/wharfd-initramfs.XXXXXX)
  mkdir -p "$root"/{bin,dev,proc,sys,lower,rw,root} "$root/$modules"
  cp "$(command -v busybox)" "$root/bin/busybox"
  install -m 755 "$WHARFD_ROOT/scripts/vm/init.sh" "$root/init"
  echo "${FIRST_MODULES[@]}" >"$root/first-modules"
  for module in "${FIRST_MODULES[@]}"; do module_files "$CACHE/$modules" "$module"; done | sort -u |
    while read -r module; do install -D -m 644 "$CACHE/$modules/$module" "$root/$modules/$module"; done
  busybox depmod -b "$root" "$release"
  (cd "$root" && find . | busybox cpio -o -H newc 2>/dev/null) | gzip -1 >"$target"
  rm -rf "$root"
}

# A module's file and those of all that it depends on. modules.dep has them all in one line.
module_files() { sed -n "s|^\(.*/$2\.ko[.a-z]*\):\(.*\)|\1\2|p" "$1/modules.dep" | tr ' ' '\n'; }

# A nested KVM that shadows pages by itself (kvm_pvm) starts only guests made for it.
accelerator() {
  if [ -n "${WHARF_VM_ACCEL:-}" ]; then echo "$WHARF_VM_ACCEL"; return; fi
  if [ -w /dev/kvm ] && grep -qwE 'vmx|svm' /proc/cpuinfo; then echo kvm; else echo tcg; fi
}

# Becomes qemu, and ends it after a while.
run_vm() {
  local folder=$1 accel cpu=max patience=10
  accel=$(accelerator)
  [ "$accel" = kvm ] && cpu=host patience=2
  say "starting the virtual machine ($accel)"
  exec nice -n 10 timeout "$TIMEOUT_S" qemu-system-x86_64 -accel "$accel" -cpu "$cpu" -smp "$CPUS" -m "$MEMORY_MB" \
    -display none -nodefaults -no-user-config -no-reboot \
    -kernel "$CACHE"/boot/vmlinuz-* -initrd "$folder/initramfs" \
    -append "console=ttyS0 quiet panic=-1 mitigations=off cgroup_no_v1=all wharf.repository=$WHARFD_ROOT wharf.modules=$CACHE/lib/modules wharf.patience=$patience" \
    -serial "file:$folder/kernel.log" \
    -device virtio-serial -chardev stdio,id=out,signal=off -device virtconsole,chardev=out \
    -fsdev local,id=root,path=/,security_model=none,readonly=on,multidevs=remap -device virtio-9p-pci,fsdev=root,mount_tag=root \
    -fsdev "local,id=shared,path=$folder/shared,security_model=none" -device virtio-9p-pci,fsdev=shared,mount_tag=shared \
    -drive "file=$folder/disk,format=raw,if=virtio,cache=unsafe" </dev/null
}

need_root
[ $# -gt 0 ] || die "usage: scripts/test-in-vm.sh <test files> | -- <command>"
apt_install busybox-static
need_qemu
fetch_kernel

FOLDER=$(mktemp -d /var/tmp/wharfd-vm.XXXXXX)
VM=
trap '[ -z "$VM" ] || kill "$VM" 2>/dev/null || true; rm -rf "$FOLDER"' EXIT
mkdir "$FOLDER/shared"
[ "$1" = -- ] && shift || set -- node node_modules/vitest/vitest.mjs run --no-color --reporter=verbose "$@"
printf '%s\0' "$@" >"$FOLDER/shared/command"
truncate -s 8G "$FOLDER/disk"
/sbin/mke2fs -q -t ext4 -E lazy_itable_init=1 "$FOLDER/disk"
make_initramfs "$FOLDER/initramfs"
run_vm "$FOLDER" &
VM=$!
status=0
wait "$VM" || status=$?
VM=
[ "$status" != 124 ] || die "the virtual machine was stopped after $TIMEOUT_S s (WHARF_VM_TIMEOUT_S)"
if [ ! -e "$FOLDER/shared/status" ]; then
  tail -n 30 "$FOLDER/kernel.log" >&2 || true
  die "the virtual machine ended (qemu: $status) before the command did"
fi
exit "$(cat "$FOLDER/shared/status")"
