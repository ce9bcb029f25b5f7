package cmdline

import "github.com/spf13/cobra"

// optional is a flag that may stand alone.
type optional struct {
	text *string
	name string
}

// Optional gives cmd a flag that may stand alone or have a value: --wait or --wait=10.
// text is empty without the flag, "true" if it stands alone, and else the value;
// --wait=true and --wait=false are as good. Help shows --wait[=NAME].
func Optional(cmd *cobra.Command, text *string, flag, name, usage string) {
	f := cmd.Flags()
	f.Var(&optional{text, name}, flag, usage)
	// It is what the flag is set to when it stands alone, and what help shows.
	f.Lookup(flag).NoOptDefVal = name
}

// Set is for pflag.
func (o *optional) Set(text string) error {
	switch text {
	case o.name:
		text = "true"
	case "false":
		text = ""
	}
	*o.text = text
	return nil
}

// String is for pflag.
func (o *optional) String() string {
	if o.text == nil {
		return ""
	}
	return *o.text
}

// Type is for pflag. Without one help shows no second name of the value.
func (o *optional) Type() string { return "" }
