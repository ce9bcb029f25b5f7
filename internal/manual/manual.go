// Package manual writes what is installed beside a program, out of the
// program's own commands: man pages and shell completions. It is no part of the
// programs: they are built without the tag that their manual.go needs.
package manual

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"

	"github.com/cpuguy83/go-md2man/v2/md2man"
	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"

	"github.com/gafferd/gaffer/internal/version"
)

// Write writes the pages of a program and all of its commands, and its
// completions, into a folder that is laid out like /usr/share.
func Write(share, section string, root *cobra.Command) error {
	pages, err := folder(share, "man", "man"+section)
	if err != nil {
		return err
	}
	root.DisableAutoGenTag = true // it has a date in it, and so has below it what inherits this
	err = doc.GenManTreeFromOpts(root, doc.GenManTreeOptions{
		Path: pages, CommandSeparator: "-",
		Header: &doc.GenManHeader{Section: section, Source: "gaffer " + version.Version(), Manual: "gaffer"},
	})
	if err != nil {
		return err
	}
	for _, shell := range []struct {
		folder, file string
		script       func(*bytes.Buffer) error
	}{
		{"bash-completion/completions", "%s", func(b *bytes.Buffer) error { return root.GenBashCompletionV2(b, true) }},
		{"zsh/site-functions", "_%s", func(b *bytes.Buffer) error { return root.GenZshCompletion(b) }},
		{"fish/vendor_completions.d", "%s.fish", func(b *bytes.Buffer) error { return root.GenFishCompletion(b, true) }},
	} {
		var script bytes.Buffer
		if err := shell.script(&script); err != nil {
			return err
		}
		dir, err := folder(share, shell.folder)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf(shell.file, root.Name())), script.Bytes(), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// WritePage makes a man page of a document.
func WritePage(share, section, name, summary, document string) error {
	text, err := os.ReadFile(document)
	if err != nil {
		return err
	}
	pages, err := folder(share, "man", "man"+section)
	if err != nil {
		return err
	}
	_, body, _ := bytes.Cut(text, []byte("\n")) // its title
	head := fmt.Sprintf("%% %q %q \"\" %q \"gaffer\"\n# NAME\n%s \\- %s\n", name, section, "gaffer "+version.Version(), name, summary)
	return os.WriteFile(filepath.Join(pages, name+"."+section), md2man.Render(append([]byte(head), body...)), 0o644)
}

// WriteFile writes what a program has for others: name is its place below share.
func WriteFile(share, name string, text []byte) error {
	dir, err := folder(share, filepath.Dir(name))
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, filepath.Base(name)), text, 0o644)
}

func folder(parts ...string) (string, error) {
	dir := filepath.Join(parts...)
	return dir, os.MkdirAll(dir, 0o755)
}
