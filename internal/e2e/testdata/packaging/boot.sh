# Installs the package $1 over a layer at $2, and becomes a systemd that runs
# probe.sh there, with what it prints in $3/output and its exit code in $3/code.
# To be called as process 1 of namespaces of its own, in a cgroup of its own.
set -euo pipefail
here=$(dirname "$0")
. "$here/layer.sh"
layer "$1" "$2"
mount -t sysfs sysfs "$root/sys" || exit 77
mount -t tmpfs tmpfs "$root/sys/fs/cgroup" || exit 77
mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup" || exit 77
mount --bind "$3" "$root/mnt"
cp "$here/probe.sh" "$root/srv"
inside '
dpkg -i /srv/gaffer.deb
cd /etc/systemd/system
shopt -s nullglob
for unit in *.wants/*; do # nothing of this machine is to start there
	[[ $unit == */gafferd.service ]] || rm "$unit"
done
cat >probe.service <<UNIT
[Unit]
After=gafferd.service
[Service]
Type=oneshot
ExecStart=bash -euo pipefail /srv/probe.sh
ExecStopPost=sh -c "echo \$EXIT_STATUS >/mnt/code; systemctl exit"
StandardOutput=append:/mnt/output
StandardError=append:/mnt/output
UNIT
ln -s ../probe.service multi-user.target.wants
' >>"$3/output"
exec chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin container=lxc \
	/lib/systemd/systemd --system --log-target=kmsg --unit=multi-user.target
