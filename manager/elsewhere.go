package manager

// elsewhere is what other supervisors call properties of a process.
var elsewhere = map[string]string{
	"command": "cmd", "script": "cmd", "exec": "cmd", "execstart": "cmd", "program": "cmd",
	"arguments": "args", "directory": "cwd", "working_dir": "cwd", "workdir": "cwd", "working_directory": "cwd", "workingdirectory": "cwd",
	"environment": "env", "user": "uid", "group": "gid",
	"instances": "numprocesses", "numprocs": "numprocesses", "replicas": "numprocesses", "count": "numprocesses", "concurrency": "numprocesses",
	"autostart": "start", "enabled": "start", "autorestart": "restart", "respawn": "restart", "restart_policy": "restart",
	"stopsignal": "stop_signal", "kill_signal": "stop_signal", "signal": "stop_signal",
	"stopwaitsecs": "graceful_timeout", "kill_timeout": "graceful_timeout", "stop_timeout": "graceful_timeout", "timeout": "graceful_timeout",
	"restart_delay": "backoff", "stdin": "redirect_input",
}
