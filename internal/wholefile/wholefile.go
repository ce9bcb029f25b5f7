// Package wholefile replaces files as a whole.
package wholefile

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
)

// Replace makes data the content of a file for its owner alone. After a crash
// there is the old file or the new one, and if Replace has returned, the new one.
func Replace(root *os.Root, name string, data []byte) error {
	next := name + ".new"
	f, err := root.OpenFile(next, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := root.Rename(next, name); err != nil {
		return err
	}
	return syncFolder(root, filepath.Dir(name))
}

// syncFolder has the names in a folder on disk: that a file is says nothing of its
// name. A file system that knows no such thing is left alone.
func syncFolder(root *os.Root, name string) error {
	folder, err := root.Open(name)
	if err != nil {
		return err
	}
	defer folder.Close()
	if err := folder.Sync(); err != nil && !errors.Is(err, errors.ErrUnsupported) && !errors.Is(err, syscall.EINVAL) {
		return err
	}
	return nil
}
