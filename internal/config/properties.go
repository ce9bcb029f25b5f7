package config

// propertyDocs says of each property of a process what it is, in one sentence
// for editors. docs/api.md says more.
var propertyDocs = map[string]string{
	"cmd":              "The program, or without args the whole command line, split as a shell splits words.",
	"args":             "Its arguments: a list, or one text that is split as a shell splits words. $NAME and ${NAME} are replaced from the environment of the process, where $$NAME is a $NAME that stays.",
	"env":              "Variables of its environment.",
	"os_env":           "Whether it also has the environment of gafferd.",
	"uid":              "The user that it runs as, by name or number.",
	"gid":              "The group that it runs as, by name or number.",
	"cwd":              "The folder that it runs in, seen from the folder of this file, which is the default.",
	"umask":            "Its umask, in octal.",
	"rlimits":          "Its limits, by the names of ulimit: a number, unlimited, or SOFT:HARD each.",
	"nice":             "Its priority for the scheduler, from -20 (first) to 19 (last).",
	"oom_score_adj":    "From -1000, never killed when memory runs out, to 1000, killed first.",
	"no_new_privs":     "Whether it is kept from gaining rights by what it executes, as sudo would give. Default: true for one with another uid.",
	"capabilities":     "The capabilities that it has and can ever have, such as net_bind_service. Default: none for one with another uid.",
	"shell":            "Whether cmd is a line for sh.",
	"detach":           "Whether it is launched and then left alone: neither watched nor stopped.",
	"numprocesses":     "How many instances to keep running.",
	"start":            "Whether to start it with gafferd.",
	"priority":         "When to start it: the lowest first, equal ones together, and those without one last.",
	"graceful_timeout": "Seconds between stop_signal and SIGKILL.",
	"stop_signal":      "The signal that asks it to stop, by name or number.",
	"restart":          "Which exits are followed by a new instance.",
	"backoff":          "Seconds to wait before a restart: the first is immediate, then initial, doubling up to max, and anew once an instance has lived for reset.",
	"flapping":         "Stops it when it has ended attempts times within window seconds, and tries it again after retry_in seconds, max_retry times.",
	"redirect_output":  "Labels of the streams of stdout and stderr. The same label twice makes one stream of both; without labels the output is discarded.",
	"redirect_input":   "Whether its stdin can be written to.",
	"custom_streams":   "Labels of two-way streams on the descriptors 3, 4 and so on.",
	"backpressure":     "Whether its output waits for the slowest reader, as in a pipe.",
	"essential":        "Whether gafferd ends, with its exit code, when it has ended for good.",
}
