package version

import (
	"regexp"
	"testing"
)

func TestLine(t *testing.T) {
	want := regexp.MustCompile(`^gafferd \S+ \(commit \S+, go\S+\)\n$`)
	if got := Line("gafferd"); !want.MatchString(got) {
		t.Errorf("Line is %q, want it to match %v", got, want)
	}
	defer func(was string) { release = was }(release)
	release = "1.2.3"
	if got := Version(); got != "1.2.3" {
		t.Errorf("Version is %q where the linker set 1.2.3", got)
	}
}
