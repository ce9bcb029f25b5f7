package manager

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// Folder is a folder of the state directory that an app keeps its own files in.
// It is made, for its owner alone, if it is not there. It is the caller's to
// close, before the State.
func (s *State) Folder(name string) (*os.Root, error) {
	if err := s.root.Mkdir(name, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("state directory: %w", err)
	}
	folder, err := s.root.OpenRoot(name)
	if err != nil {
		return nil, fmt.Errorf("state directory: %w", err)
	}
	return folder, nil
}
