#!/bin/sh
# A walk through the HTTP API with curl, against a gafferd that runs
# examples/gaffer.ini. Each step says what it does, shows the answer, and ends
# the walk when the answer is not the one it should be.
#
#     examples/walkthrough.sh [http://127.0.0.1:5000]
set -eu
url=${1:-http://127.0.0.1:5000}

fail() {
	printf 'FAILED: %s\n' "$*" >&2
	exit 1
}

# show WHAT CURL-ARGUMENTS…: what is done, in a form that can be typed.
show() {
	printf '\n# %s\n$ curl' "$1"
	shift
	for word; do
		case $word in
		*[!A-Za-z0-9_.:/=-]*) printf " '%s'" "$word" ;;
		*) printf ' %s' "$word" ;;
		esac
	done
	echo
}

# try WHAT PATTERN CURL-ARGUMENTS…: the whole answer must match the pattern of case.
try() {
	what=$1 pattern=$2
	shift 2
	show "$what" "$@"
	answer=$(curl --silent --show-error --max-time 15 "$@") || fail "curl exited with $?"
	printf '%s\n' "$answer"
	case $answer in
	$pattern) ;;
	*) fail "want $pattern" ;;
	esac
}

# pid NAME: the pid of a process that has one instance.
pid() {
	curl --silent --show-error "$url/processes/$1/_pids" | sed 's/.*\[ *\([0-9]*\).*/\1/'
}

# first N CURL-ARGUMENTS…: the first lines of an answer that has no end.
first() {
	n=$1
	shift
	show "The first $n lines of a feed that goes on" "$@"
	lines=$(curl --silent --no-buffer --max-time 15 "$@" | head -n "$n")
	printf '%s\n' "$lines"
	case $lines in
	*STD*) ;;
	*) fail "no output of dummy among them" ;;
	esac
}

try 'Is it there?' OK "$url/ping"
try 'Which processes are there?' '*"priority0"*"dummy"*"echo"*' "$url/processes"
try 'What is known of one?' '*"cmd":*dummy.sh*' "$url/processes/dummy"
try 'Does it run?' '*"active":*true*' "$url/status/dummy"
dummy=$(pid dummy) echo=$(pid echo)
first 2 "$url/streams/$dummy/stderr?feed=continuous&since=0"
first 6 "$url/streams/$dummy/stdout?feed=eventsource&since=0"
try 'The newest line, by longpoll' 'STDOUT [0-9]*' "$url/streams/$dummy/stdout?feed=longpoll"

try 'Write to stdin' '*"ok":*true*' -XPOST -d 'ECHO
' "$url/streams/$echo/stdin"
try 'And read the answer' 'ECHO' "$url/streams/$echo/stdout?feed=longpoll"

try 'One more, please' '*"numprocesses":*2*' -XPOST "$url/processes/dummy/_add"
try 'One less' '*"numprocesses":*1*' -XPOST "$url/processes/dummy/_sub"
try 'A new process' '*"ok":*true*' -d '{"name": "walk", "cmd": "sleep 1000"}' "$url/processes"
try 'A second of that name' '*"conflict"*' -d '{"name": "walk", "cmd": "sleep 1000"}' "$url/processes"
try 'Stop it' '*"ok":*true*' -XPOST "$url/processes/walk/_stop?wait=true"
try 'Forget it' '*"ok":*true*' -XDELETE "$url/processes/walk"
try 'What happened?' '*"event":*exit*"walk"*' "$url/watch/proc/walk/exit?feed=longpoll&since=0"
printf '\nAll as it should be.\n'
