# Installs, runs, upgrades, removes and purges the package $1, over a layer at $2.
# What systemd-analyze finds is printed after "verify: ".
set -euo pipefail
. "$(dirname "$0")/layer.sh"
layer "$1" "$2"

echo '== install'
inside '
dpkg -i /srv/gaffer.deb
dpkg -V gaffer
gafferd --version | grep "^gafferd 1\.2\.3 "
gafferctl version | grep "^gafferctl 1\.2\.3 "
test -L /etc/systemd/system/multi-user.target.wants/gafferd.service
for page in man8/gafferd.8 man1/gafferctl.1 man1/gafferctl-logs.1 man5/gaffer.ini.5; do
	zcat /usr/share/man/$page.gz | grep -q "^\.TH"
done
for program in /usr/bin/gaffer*; do
	name=$(basename $program)
	bash -n /usr/share/bash-completion/completions/$name
	test -s /usr/share/zsh/vendor-completions/_$name -a -s /usr/share/fish/vendor_completions.d/$name.fish
	test -s /usr/share/man/man[18]/$name.[18].gz
	$program __complete "" 2>/dev/null >/dev/null
done
'

echo '== units'
inside 'systemd-analyze verify gafferd.service gafferd.socket 2>&1 | grep gafferd || true' | sed 's/^/verify: /'

echo '== the configuration as it was installed'
inside '
mkdir /run/gaffer
gafferd --state-dir /var/lib/gaffer /etc/gaffer/gaffer.ini 2>/tmp/log & pid=$!
export GAFFER_URL=unix:///run/gaffer/gaffer.sock
for try in $(seq 100); do gafferctl version | grep -q gafferd && break; sleep 0.1; done
gafferctl processes
stat -c %a /run/gaffer/gaffer.sock | grep -x 600
gafferctl add_process --start nap sleep 1000
kill $pid && wait $pid
' || { cat "$root/tmp/log"; exit 1; }

echo '== upgrade'
inside '
echo "; mine" >>/etc/gaffer/gaffer.ini
dpkg -i /srv/gaffer.deb
tail -n 1 /etc/gaffer/gaffer.ini | grep mine
'

echo '== remove'
inside '
dpkg -r gaffer
test ! -e /usr/bin/gafferd -a ! -e /usr/lib/systemd/system/gafferd.service -a ! -e /usr/share/man/man8/gafferd.8.gz
grep mine /etc/gaffer/gaffer.ini
ls /var/lib/gaffer/ | grep .
'

echo '== purge'
inside '
dpkg -P gaffer
test ! -e /etc/gaffer -a ! -e /var/lib/gaffer
test ! -e /etc/systemd/system/multi-user.target.wants/gafferd.service
'
