package process

import (
	"slices"
	"sync"

	"golang.org/x/sys/unix"
)

// slowTypes are file systems that answer when another machine, or a program, does.
var slowTypes = []uint32{
	unix.NFS_SUPER_MAGIC, unix.CIFS_SUPER_MAGIC, unix.SMB_SUPER_MAGIC, unix.SMB2_SUPER_MAGIC, unix.FUSE_SUPER_MAGIC,
	unix.CEPH_SUPER_MAGIC, unix.AFS_SUPER_MAGIC, unix.AFS_FS_MAGIC, unix.CODA_SUPER_MAGIC, unix.V9FS_MAGIC,
	unix.NCP_SUPER_MAGIC, unix.OCFS2_SUPER_MAGIC, unix.AUTOFS_SUPER_MAGIC,
}

// slow reports whether executing the file at path, in Dir, may take as long as another
// machine is silent. Finding that out may take as long, and holds up nobody else.
func (c *Command) slow(path string) bool {
	return (c.Dir != "" && onSlow(c.Dir) || onSlow(c.inDir(path))) && !ownSlow()
}

// ownSlow is whether this program itself lies on such a disk: then its helper is no
// better.
var ownSlow = sync.OnceValue(func() bool { return onSlow("/proc/self/exe") })

func onSlow(path string) bool {
	for {
		var fs unix.Statfs_t
		switch unix.Statfs(path, &fs) {
		case nil:
			return slices.Contains(slowTypes, uint32(fs.Type))
		case unix.EINTR:
		case unix.EACCES:
			return true // NFS says so to root, and not to the program's user
		default:
			return false
		}
	}
}
