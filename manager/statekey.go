package manager

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
)

// keyFile is the name of the file with the key.
const (
	keyFile = "key"
	keySize = 32
)

// Key is a secret of this state directory, made when it is asked for first. What
// was signed with it can be verified in the daemon's next life too.
func (s *State) Key() ([]byte, error) {
	key, err := s.root.ReadFile(keyFile)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		key = make([]byte, keySize)
		rand.Read(key) // never fails
		err = s.write(keyFile, key)
	case err == nil && len(key) != keySize:
		err = fmt.Errorf("it has %d bytes, not %d; remove it to have a new one made", len(key), keySize)
	}
	if err != nil {
		return nil, fmt.Errorf("state directory: %s: %w", keyFile, err)
	}
	return key, nil
}
