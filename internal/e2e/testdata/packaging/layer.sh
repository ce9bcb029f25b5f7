# layer DEB DIR makes $root: this machine's files, with a layer above them that is
# kept in memory at DIR, and DEB in it as /srv/gaffer.deb. To be called in a mount
# namespace. It exits with 77 where that cannot be done.
layer() {
	mkdir "$2"
	mount -t tmpfs tmpfs "$2" || exit 77
	mkdir "$2"/{upper,work,top}
	root=$2/top
	mount -t overlay overlay -o "lowerdir=/,upperdir=$2/upper,workdir=$2/work" "$root" || exit 77
	mount -t proc proc "$root/proc" || exit 77
	mount --rbind /dev "$root/dev"
	mount -t tmpfs tmpfs "$root/run" # no systemd runs there, whatever runs here
	mount -t tmpfs tmpfs "$root/tmp"
	mkdir -p "$root/srv"
	cp "$1" "$root/srv/gaffer.deb"
}

# inside runs a script in $root.
inside() {
	chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8 \
		bash -euo pipefail -c "$1"
}
