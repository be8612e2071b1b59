#!/bin/busybox sh
# The first process of the virtual machine of test-in-vm.sh: makes the root file system and goes on in it, in guest.sh.
/bin/busybox --install -s /bin
export PATH=/bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
for module in $(cat /first-modules); do modprobe "$module"; done

argument() { sed -n "s/.*\bwharf\.$1=\([^ ]*\).*/\1/p" /proc/cmdline; }
repository=$(argument repository)
modules=$(argument modules)
patience=$(argument patience)

mount -t 9p -o trans=virtio,version=9p2000.L,cache=loose,msize=524288,ro root /lower
mount -t tmpfs rw /rw
mkdir /rw/upper /rw/work
mount -t overlay -o lowerdir=/lower,upperdir=/rw/upper,workdir=/rw/work root /root
for directory in proc sys dev; do mount --move "/$directory" "/root/$directory"; done
exec switch_root -c /dev/hvc0 /root "$repository/scripts/vm/guest.sh" "$repository" "$modules" "$patience"
