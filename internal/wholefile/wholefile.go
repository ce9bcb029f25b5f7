// Package wholefile replaces files as a whole.
package wholefile

import (
	"errors"
	"os"
)

// Replace makes data the content of a file for its owner alone. After a crash
// there is the old file or the new one.
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
	return root.Rename(next, name)
}
