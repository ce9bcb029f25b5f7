package importer

// pm2Aliases are other names of keys.
var pm2Aliases = map[string]string{
	"exec": "script", "cmd": "script", "command": "script",
	"interpreter": "exec_interpreter", "interpreterArgs": "node_args", "interpreter_args": "node_args",
	"out": "out_file", "output": "out_file", "out_log": "out_file",
	"error": "error_file", "err": "error_file", "err_file": "error_file", "err_log": "error_file",
	"log": "log_file", "pid": "pid_file", "cron": "cron_restart", "combine_logs": "merge_logs", "user": "uid",
}

// pm2Read are the keys that become something.
var pm2Read = []string{
	"script", "name", "namespace", "cwd", "args", "exec_interpreter", "node_args", "instances", "exec_mode", "env", "filter_env",
	"autorestart", "stop_exit_codes", "max_restarts", "min_uptime", "restart_delay", "exp_backoff_restart_delay", "kill_timeout",
	"port", "uid", "gid",
}

const aboutPM2 = "it is about pm2 itself"

// pm2Keys are those that do not.
var pm2Keys = map[string]remedy{
	"watch":                      {watching, no},
	"ignore_watch":               {watching, ""},
	"watch_delay":                {watching, ""},
	"watch_options":              {watching, ""},
	"max_memory_restart":         {"gafferd does not look at memory: bound it by rlimits, or in the program, as node --max-old-space-size does", "0"},
	"cron_restart":               {"have cron run gafferctl restart", "0 false"},
	"out_file":                   {logFolder, "/dev/null null"},
	"error_file":                 {logFolder, "/dev/null null"},
	"log_file":                   {logFolder, no + " /dev/null null"},
	"merge_logs":                 {"gafferctl logs shows the instances of an app as one log", "true yes on 1 " + no},
	"disable_logs":               {"redirect_output: [] discards the output", no},
	"log_date_format":            {"gafferctl logs -t shows times", ""},
	"log_type":                   {"gafferctl logs -o json shows lines as JSON", ""},
	"time":                       {"gafferctl logs -t shows times", no},
	"pid_file":                   {"gafferctl pids knows them", ""},
	"wait_ready":                 {"a process counts as started as soon as it runs", no},
	"listen_timeout":             {"a process counts as started as soon as it runs", ""},
	"shutdown_with_message":      {"it gets stop_signal instead: handle SIGINT", no},
	"treekill":                   {"gafferd always stops everything that a process has started", "true yes on 1"},
	"kill_retry_time":            {"gafferd kills once graceful_timeout is over", ""},
	"increment_var":              {"GAFFER_INDEX is the number of an instance, from 1", ""},
	"instance_var":               {"GAFFER_INDEX is the number of an instance, from 1", ""},
	"force":                      {"a name is for one process: give another", no},
	"append_env_to_name":         {"give the process that name", no},
	"name_prefix":                {"put the processes in a group: group:name", ""},
	"post_update":                {aboutPM2, ""},
	"install_url":                {aboutPM2, ""},
	"username":                   {aboutPM2, ""},
	"windowsHide":                {aboutPM2, "true " + no},
	"write":                      {aboutPM2, no},
	"execute_command":            {aboutPM2, no},
	"source_map_support":         {"give node --enable-source-maps", no},
	"disable_source_map_support": {aboutPM2, "true " + no},
	"vizion":                     {aboutPM2, no},
	"pmx":                        {aboutPM2, no},
	"automation":                 {aboutPM2, no},
	"trace":                      {aboutPM2, no},
	"disable_trace":              {aboutPM2, "true " + no},
	"v8":                         {aboutPM2, no},
	"event_loop_inspector":       {aboutPM2, no},
	"deep_monitoring":            {aboutPM2, no},
	"io":                         {aboutPM2, ""},
}
