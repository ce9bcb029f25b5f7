package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/gafferd/gaffer/internal/cmdline"
	"github.com/gafferd/gaffer/internal/version"
)

// The exit codes of gafferd.
const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2
)

// options are what the command line says.
type options struct {
	config     string // a file, or empty
	verbose    int    // 1: debug logs; 2: also the output of the processes
	bind       []string
	certFile   string
	keyFile    string
	backlog    int
	pidFile    string
	stateDir   string
	pluginsDir string

	tokenFile     string
	requireToken  bool
	trustLoopback bool
	auditLog      string

	daemon    bool
	logFormat string
	logFile   string
	debugAddr string

	check    bool
	noKeeper bool
}

// usageError is a mistake in the command line itself.
type usageError struct{ error }

// queue is the value of --backlog.
type queue int

// String implements pflag.Value.
func (q *queue) String() string { return strconv.Itoa(int(*q)) }

// Set implements pflag.Value.
func (q *queue) Set(text string) error {
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		return errors.New("want the number of connections that may wait, such as 128")
	}
	*q = queue(n)
	return nil
}

// Type implements pflag.Value.
func (q *queue) Type() string { return "int" }

// counter is the value of a flag that counts how often it is given. pflag has one
// too, of which help says that a value "count" follows.
type counter int

// String implements pflag.Value.
func (c *counter) String() string { return strconv.Itoa(int(*c)) }

// Set implements pflag.Value.
func (c *counter) Set(text string) error {
	if text == "true" { // given without a value
		*c++
		return nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		return errors.New("want a number, such as 2")
	}
	*c = counter(n)
	return nil
}

// Type implements pflag.Value.
func (c *counter) Type() string { return "bool" }

// newCommand reads the options from the command line, and then has do follow them.
func newCommand(o *options, do func(context.Context) error) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "gafferd [CONFIG]",
		Short: "Run processes, keep them running, and control and watch them over HTTP",
		Long: `gafferd runs processes, keeps them running, and lets others start, stop, scale,
watch and talk to them over HTTP.

Without a configuration file it starts empty and listens on 127.0.0.1:5000.
SIGTERM and SIGINT stop all processes gracefully, then gafferd; a second one
stops them at once. SIGHUP has gafferd read its configuration again, SIGUSR1
has it open its log file again, and SIGUSR2 has the program replaced by the one
that is installed now, while the processes run on.

What the file may say is in gaffer.ini(5). gafferd exits with 0 when it was told to
stop, with 1 for an error and with 2 for wrong usage.`,
		Example: `  gafferd examples/gaffer.ini
  gafferd -vv --bind 127.0.0.1:5000,unix:/run/gaffer.sock`,
		Version:       version.Version(),
		SilenceErrors: true,
		SilenceUsage:  true,
		Args: func(_ *cobra.Command, args []string) error {
			switch {
			case len(args) > 1:
				return usageError{fmt.Errorf("one configuration file at most, not %d: it can include others", len(args))}
			case len(args) == 1 && o.config != "" && o.config != args[0]:
				return usageError{fmt.Errorf("two configuration files, %s and %s: leave one out", o.config, args[0])}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, files []string) error {
			if len(files) == 1 {
				o.config = files[0]
			}
			if o.logFormat != logText && o.logFormat != logJSON {
				return usageError{fmt.Errorf("--log-format %q: want %s or %s", o.logFormat, logText, logJSON)}
			}
			return do(cmd.Context())
		},
	}
	cmd.SetVersionTemplate(version.Line("gafferd"))
	cmd.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error { return usageError{cmdline.UnknownFlag(cmd, err)} })

	o.flags(cmd)
	return cmd
}

// flags gives cmd the flags that set the options, in the order in which its help
// lists them.
func (o *options) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.SortFlags = false
	f.StringVarP(&o.config, "config", "c", "", "configuration `FILE`")
	f.VarPF((*counter)(&o.verbose), "verbose", "v", "debug logs; -vv also prints what the processes print").NoOptDefVal = "true"
	f.StringSliceVar(&o.bind, "bind", nil, "listen on `ADDR[,ADDR...]` instead of what the file says: host:port, [v6]:port or unix:/path")
	f.StringVar(&o.certFile, "certfile", "", "serve TLS on TCP addresses, with the certificates in `FILE`")
	f.StringVar(&o.keyFile, "keyfile", "", "the key of --certfile, when it is not in the same `FILE`")
	f.Var((*queue)(&o.backlog), "backlog", "queue at most `N` new connections (the system's limit)")
	f.StringVar(&o.pidFile, "pidfile", "", "keep the process id in `FILE`, and refuse to start while another gafferd holds it")
	f.StringVar(&o.stateDir, "state-dir", "", "keep processes made over the API, exits and logs in the directory `D`, for the next start")
	f.StringVarP(&o.pluginsDir, "plugins-dir", "p", "", "serve the folders of the directory `D` as pages below /_plugin/")
	f.StringVar(&o.tokenFile, "token-file", "", "have every request on TCP need a token; the administrator's is in `FILE` (or in $GAFFER_TOKEN)")
	f.BoolVar(&o.requireToken, "require-token", false, "have every request on TCP need a token, of those that gafferctl token add makes")
	f.BoolVar(&o.trustLoopback, "trust-loopback", false, "let all users of this machine use the API on loopback addresses, and not this one and root alone")
	f.StringVar(&o.auditLog, "audit-log", "", "write which requests have changed something, or tried to, to the end of `FILE` too")
	f.BoolVar(&o.daemon, "daemon", false, "go to the background; return when the daemon serves, or with its error")
	f.StringVar(&o.logFormat, "log-format", logText, "write the log as `text|json`")
	f.StringVar(&o.logFile, "log-file", "", "write the log to the end of `FILE`, which SIGUSR1 opens again")
	f.StringVar(&o.debugAddr, "debug-addr", "", "serve profiles of the daemon (pprof) on `ADDR`, a loopback address, only to those whom the API lets do everything")
	f.BoolVar(&o.noKeeper, "no-keeper", false, "be one process, with which everything ends: no crash is survived and no upgrade")
	f.BoolVar(&o.check, "check", false, "say what is wrong with the configuration, or sum it up, and exit")
	f.BoolP("help", "h", false, "show this text")
	f.Bool("version", false, "show the version")
}
