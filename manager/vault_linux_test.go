package manager

import (
	"os"
	"strings"
	"testing"
)

// TestVaultOfAnotherVersion holds that a program finds out before it takes over
// that it does not know a property of a process.
func TestVaultOfAnotherVersion(t *testing.T) {
	v, err := OpenVault(nil, func(*os.File) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	if err := v.write(change{"s1", []byte(`{"source":0,"description":{"name":"web","cmd":"true","orbit":7}}`)}); err != nil {
		t.Fatal(err)
	}
	if err := v.Check(); err == nil || !strings.Contains(err.Error(), "orbit") {
		t.Errorf("%v, want an error about what is not known", err)
	}
}
