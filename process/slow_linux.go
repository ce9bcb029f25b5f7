package process

import (
	"slices"

	"golang.org/x/sys/unix"
)

// slowTypes are file systems that answer when another machine, or a program, does.
var slowTypes = []uint32{
	unix.NFS_SUPER_MAGIC, unix.CIFS_SUPER_MAGIC, unix.SMB_SUPER_MAGIC, unix.SMB2_SUPER_MAGIC, unix.FUSE_SUPER_MAGIC,
	unix.CEPH_SUPER_MAGIC, unix.AFS_SUPER_MAGIC, unix.AFS_FS_MAGIC, unix.CODA_SUPER_MAGIC, unix.V9FS_MAGIC,
	unix.NCP_SUPER_MAGIC, unix.OCFS2_SUPER_MAGIC, unix.AUTOFS_SUPER_MAGIC,
}

// slow reports whether to execute the file at path, in Dir, may take as long as
// another machine is silent. To find that out may take as long, and holds up nobody else.
func (c *Command) slow(path string) bool {
	return c.Dir != "" && onSlow(c.Dir) || onSlow(c.inDir(path))
}

func onSlow(path string) bool {
	var fs unix.Statfs_t
	return unix.Statfs(path, &fs) == nil && slices.Contains(slowTypes, uint32(fs.Type))
}
