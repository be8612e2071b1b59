#!/bin/bash
# Runs the command that test-in-vm.sh left in /run/shared, as the first process of the virtual machine. $1: the repository, $2: the
# directory of the kernel's modules, $3: how many times as long as elsewhere the tests wait for things.
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root TERM=dumb CI=true WHARF_TEST_PATIENCE=${3:-1}
trap 'sync; busybox poweroff -f' EXIT

# The kernel calls it for the modules that it finds missing, iptables does for its own.
[ -e /sbin/modprobe ] || ln -s "$(command -v busybox)" /sbin/modprobe
mkdir -p /lib/modules /dev/pts /dev/shm /dev/mqueue
mount --bind "$2" /lib/modules
modprobe -a virtio_blk ext4

mount -t devpts devpts /dev/pts
mount -t tmpfs shm /dev/shm
mount -t mqueue mqueue /dev/mqueue
mount -t tmpfs run /run
# Wherever the repository is, these must not hide it.
mkdir /run/repository /run/shared
mount --bind "$1" /run/repository
mount -t tmpfs tmp /tmp
mount -t ext4 -o noatime /dev/vda /var/tmp
mkdir -p "$1"
mount --move /run/repository "$1"
mount -t cgroup2 cgroup2 /sys/fs/cgroup
# As systemd leaves it: nothing in the root group, all controllers on for the others.
mkdir /sys/fs/cgroup/init.scope
echo $$ >/sys/fs/cgroup/init.scope/cgroup.procs
sed 's/[^ ]*/+&/g' /sys/fs/cgroup/cgroup.controllers >/sys/fs/cgroup/cgroup.subtree_control
mount -t securityfs securityfs /sys/kernel/security
mount -t 9p -o trans=virtio,version=9p2000.L,msize=524288 shared /run/shared
hostname wharf-vm
ip link set lo up

cd "$1" || exit
mapfile -d '' -t command </run/shared/command
"${command[@]}"
echo $? >/run/shared/status
