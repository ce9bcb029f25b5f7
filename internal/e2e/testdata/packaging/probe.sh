# What an administrator does with gafferd under systemd. It ends at what is not as
# it should be.
export GAFFER_URL=unix:///run/gaffer/gaffer.sock
set -x
until_is() { # until_is WHAT COMMAND…: wait for what the command prints
	for _ in $(seq 200); do
		[[ $("${@:2}" 2>/dev/null) == $1 ]] && return
		sleep 0.1
	done
	"${@:2}"
	return 1
}
property() { systemctl show --value -p "$1" gafferd; }

# Units after it find it there, for it says when it is ready.
gafferctl processes
[[ $(property NotifyAccess) == main ]]
[[ $(property StatusText) == "Instances: 0 running" ]]

# Instances live in cgroups below its own.
gafferctl add_process --start nap sleep 1000
until_is "Instances: 1 running" property StatusText
grep -q '^0::/system.slice/gafferd.service/gaffer\.' "/proc/$(pidof -s sleep)/cgroup"

# Another worker goes on, after a crash and with another package, and systemd hears
# of it as of the one before.
main=$(property MainPID) nap=$(pidof -s sleep)
workers() { pgrep --parent "$main" --exact gafferd; }
pkill -KILL --parent "$main" --exact gafferd
gafferctl add_process --start second sleep 1000
until_is "Instances: 2 running" property StatusText
before=$(workers)
dpkg -i /srv/gaffer.deb
replaced() { [[ $(workers) == *"$before"* ]] || echo yes; }
until_is yes replaced
gafferctl del_process second
until_is "Instances: 1 running" property StatusText
[[ $(property MainPID) == "$main" && $(pidof sleep) == "$nap" && $(property NRestarts) == 0 ]]

# A stop ends them all, and a start goes on with what was there.
systemctl stop gafferd
! pidof sleep
systemctl start gafferd
until_is "Instances: 1 running" property StatusText

# A gafferd that is stuck is started anew.
mkdir -p /run/systemd/system/gafferd.service.d
printf '[Service]\nWatchdogSec=1s\n' >/run/systemd/system/gafferd.service.d/watchdog.conf
systemctl daemon-reload
systemctl restart gafferd
stuck=$(property MainPID)
kill -STOP "$stuck"
until_is 1 property NRestarts
until_is active property ActiveState
[[ $(property MainPID) != "$stuck" ]]
until_is "Instances: 1 running" property StatusText
rm /run/systemd/system/gafferd.service.d/watchdog.conf
systemctl daemon-reload

# It asks for the time that its processes were promised.
printf '[Service]\nTimeoutStopSec=1s\n' >/run/systemd/system/gafferd.service.d/stop.conf
systemctl daemon-reload
cat >/srv/slow.json <<'J'
{"name": "slow", "cmd": "trap 'sleep 3; echo done >/srv/stopped; exit' TERM; echo up; while :; do sleep 0.1; done", "shell": true, "graceful_timeout": 60}
J
gafferctl load_process --start /srv/slow.json
until_is '*up' gafferctl logs -n 1 slow
systemctl restart gafferd
[[ $(property Result) == success ]]
[[ $(cat /srv/stopped) == done ]]
gafferctl del_process slow

# Who connects to the socket starts it, and it stays there over a restart.
systemctl stop gafferd
systemctl start gafferd.socket
[[ $(property ActiveState) == inactive ]]
gafferctl status nap
[[ $(property ActiveState) == active ]]
[[ $(stat -c %a /run/gaffer/gaffer.sock) == 600 ]]
systemctl restart gafferd
gafferctl status nap
systemctl stop gafferd.socket gafferd
! pidof sleep
