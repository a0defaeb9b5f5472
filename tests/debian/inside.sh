#!/bin/bash
# Within a machine with systemd as its first process: installs the package, configures and runs its service against the
# simulator, as shut in as the unit says; kills, blocks, upgrades, removes and purges it. Called by run.sh.
set -eEuo pipefail

readonly name=uipath-audit-exporter
readonly unit=$name.service
readonly archive=/srv/uipath-audit
export SYSTEMD_PAGER=

complain() {
  printf '\nFAILED: %s\n' "$1"
  systemctl --no-pager --full status "$unit" || true
  journalctl --no-pager --unit $unit --lines 20 || true
}
trap '((BASH_SUBSHELL)) || complain "line $LINENO: $BASH_COMMAND"' ERR

say() {
  printf '%s  %s\n' "$(date +%T)" "$1"
}

# expect WHAT FOUND WANTED
expect() {
  if [[ $2 != "$3" ]]; then
    complain "$1: found \`$2\`, expected \`$3\`"
    exit 1
  fi
}

# until_so WHAT COMMAND...: tries again and again, half a minute at most.
until_so() {
  local what=$1 end=$((SECONDS + 30))
  shift
  until "$@"; do
    if ((SECONDS > end)); then
      complain "waited too long: $what"
      exit 1
    fi
    sleep 0.2
  done
}

of_unit() {
  systemctl show --value --property "$1" "$unit"
}

# Seen at one moment: for another one it is active without a process.
is_active_as_another_than() {
  local seen
  seen=$(systemctl show --property ActiveState --property MainPID "$unit" | sort | xargs)
  [[ $seen == "ActiveState=active MainPID="[1-9]* && $seen != "ActiveState=active MainPID=$1" ]]
}

# archived TARGET: whether its archive is there, complete and unaltered, for whoever is of the group.
archived() {
  setpriv --reuid=nobody --regid=$name --clear-groups \
    $name verify --archive "$archive" --target "$1" --deep --json >/tmp/verified 2>/tmp/verified.log
}

status_tells() {
  [[ $($name status 2>&1) == *"$1"* ]]
}

installs_without_starting_anything() {
  dpkg --install /package-test/packages/1/*.deb
  expect "enabled" "$(systemctl is-enabled $unit || true)" disabled
  expect "running" "$(systemctl is-active $unit || true)" inactive
  expect "altered files" "$(dpkg --verify $name)" ""
  expect "the secret's owner, mode and size" "$(stat -c '%U %a %s' /etc/$name/client-secret)" "root 600 0"
  expect "the user's home and shell" "$(getent passwd $name | cut -d: -f6,7)" "/var/lib/$name:/usr/sbin/nologin"
  local file
  for file in /usr/bin/$name /usr/lib/systemd/system/$unit /usr/lib/sysusers.d/$name.conf \
    /usr/share/man/man1/$name.1.gz /usr/share/bash-completion/completions/$name \
    /usr/share/doc/$name/copyright /usr/share/doc/$name/changelog.Debian.gz /usr/share/doc/$name/docs/operations.md; do
    [[ -s $file ]] || { complain "$file is not there"; exit 1; }
  done
  systemd-analyze verify --man=no /usr/lib/systemd/system/$unit
  systemd-analyze security --offline=true --threshold=13 /usr/lib/systemd/system/$unit | tail -n 1
}

does_not_run_unconfigured() {
  expect "starting it" "$(systemctl start $unit >/dev/null 2>&1 && echo works || echo fails)" fails
  expect "its exit code" "$(of_unit ExecMainStatus)" 3
  expect "restarts" "$(of_unit NRestarts)" 0
  systemctl reset-failed $unit
}

demo_runs_as_anybody() {
  setpriv --reuid=nobody --regid=nogroup --clear-groups $name demo --events 2000 --directory /tmp/demo 2>&1 | head -n 2
}

# A simulated platform, one that is reached by TLS and is none, and one whose name no resolver knows.
configure() {
  $name simulate --events 3000 >/run/simulated 2>/dev/null &
  until_so "the simulator" grep -q '^name = "acme-classic"' /run/simulated
  sed -n 's/^# *client secret *//p' /run/simulated >/etc/$name/client-secret
  local id
  id=$(sed -n 's/^# *client id *//p' /run/simulated)
  echo "127.0.0.1 uipath.test" >>/etc/hosts
  echo "nameserver 127.0.0.1" >/etc/resolv.conf
  openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=uipath.test -addext subjectAltName=DNS:uipath.test \
    -addext basicConstraints=critical,CA:FALSE -keyout /run/key.pem -out /etc/ssl/uipath.test.pem 2>/dev/null
  openssl s_server -quiet -www -accept 127.0.0.1:8443 -key /run/key.pem -cert /etc/ssl/uipath.test.pem >/dev/null 2>&1 &
  install -d -m 0750 -o $name -g $name "$archive"
  cat >/etc/$name/exporter.toml <<END
instance = "package-test"
[archive]
url = "file://$archive"
[connections.simulator]
url = "http://127.0.0.1:8787/"
[connections.simulator.auth.client_credentials]
client_id = "$id"
client_secret = { credential = "uipath" }
[connections.encrypted]
url = "https://uipath.test:8443/"
ca_file = "/etc/ssl/uipath.test.pem"
retry_for = "1s"
[connections.encrypted.auth.bearer]
token = { credential = "uipath" }
[connections.nowhere]
url = "https://nowhere.test/"
retry_for = "1s"
[connections.nowhere.auth.bearer]
token = { credential = "uipath" }
[defaults]
schedule = "* * * * * *"
start = "30d"
settle = "1s"
[[targets]]
name = "acme"
connection = "simulator"
organization = "acme"
[[targets]]
name = "acme-production"
connection = "simulator"
organization = "acme"
tenant = "production"
[[targets]]
name = "encrypted"
connection = "encrypted"
organization = "acme"
[[targets]]
name = "nowhere"
connection = "nowhere"
organization = "acme"
END
  $name check --offline
  # Faster than in real life; and what the filter of system calls refuses is not refused but kills.
  mkdir -p /etc/systemd/system/$unit.d
  cat >/etc/systemd/system/$unit.d/test.conf <<END
[Service]
RestartSec=100ms
WatchdogSec=3s
SystemCallErrorNumber=kill
END
  systemctl daemon-reload
}

runs_shut_in() {
  systemctl enable --now $unit
  expect "state" "$(of_unit ActiveState)" active
  until_so "the first events" archived acme
  until_so "the tenant's events" archived acme-production
  until_so "the status line" eval '[[ $(of_unit StatusText) == "4 targets: "*"lag at most"* ]]'
  of_unit StatusText
  # Something else than an API answered, over TLS; nobody answered for the other.
  until_so "TLS" status_tells "no API is"
  until_so "the resolver" status_tells "nowhere.test"
  local pid process
  pid=$(of_unit MainPID)
  process=/proc/$pid/status
  expect "the user" "$(stat -c %U /proc/"$pid")" $name
  expect "capabilities" "$(sed -n 's/^Cap[A-Z][a-z]*:\s*//p' "$process" | sort -u)" 0000000000000000
  expect "a filter of system calls" "$(sed -n 's/^Seccomp:\s*//p' "$process")" 2
  expect "no new privileges" "$(sed -n 's/^NoNewPrivs:\s*//p' "$process")" 1
  expect "users of its own" "$(wc -l <"/proc/$pid/uid_map")" 2
  expect "writable file systems" "$(writable "$pid")" "$archive /tmp /var/lib/$name /var/tmp"
}

# The directories of files where this process may write.
writable() {
  awk '$6 ~ /^rw/ && $5 !~ /^\/(dev|proc|run|sys)(\/|$)/ { print $5 }' "/proc/$1/mountinfo" | sort -u | xargs
}

survives() {
  local pid
  pid=$(of_unit MainPID)
  systemctl reload $unit
  expect "the process after a reload" "$(of_unit ActiveState) $(of_unit MainPID)" "active $pid"
  kill -KILL "$pid"
  until_so "a start after a kill" is_active_as_another_than "$pid"
  pid=$(of_unit MainPID)
  kill -STOP "$pid"
  until_so "a start by the watchdog" is_active_as_another_than "$pid"
  journalctl --unit $unit --grep 'Watchdog timeout' --lines 1 --output cat
  pid=$(of_unit MainPID)
  systemctl restart $unit
  expect "restarts by itself" "$(of_unit NRestarts)" 0
  expect "the result" "$(of_unit Result)" success
}

upgrades() {
  local pid before after
  pid=$(of_unit MainPID)
  before=$(sha256sum /etc/$name/exporter.toml /etc/$name/client-secret)
  dpkg --install /package-test/packages/2/*.deb
  after=$(sha256sum /etc/$name/exporter.toml /etc/$name/client-secret)
  expect "the version" "$(dpkg-query --show --showformat '${Version}' $name | cut -d- -f2)" 2
  expect "the configuration" "$after" "$before"
  is_active_as_another_than "$pid"
  expect "enabled" "$(systemctl is-enabled $unit)" enabled
}

# The same walls around a single pass.
makes_a_pass_shut_in() {
  systemctl stop $unit
  expect "the result" "$(of_unit Result) $(of_unit ExecMainStatus)" "success 0"
  local once=/run/systemd/system/once.service
  sed -E -e 's/^Type=.*/Type=oneshot/' -e '/^(WatchdogSec|Restart|RestartSec|ExecReload|NotifyAccess)=/d' \
    -e 's/^(ExecStart=.*) run$/\1 once --target acme --target acme-production/' \
    -e 's/^(SystemCallErrorNumber)=.*/\1=kill/' /usr/lib/systemd/system/$unit >$once
  grep -q ' once --target' $once
  systemctl daemon-reload
  systemctl start once.service
  archived acme
  archived acme-production
  systemctl start $unit
}

is_removed() {
  dpkg --remove $name
  expect "running" "$(systemctl is-active $unit || true)" inactive
  [[ ! -e /usr/bin/$name && -s /etc/$name/exporter.toml && -s /etc/$name/client-secret && -d /var/lib/$name/checkpoint ]]
}

is_purged() {
  local told
  told=$(dpkg --purge $name)
  [[ $told == *"Removing /var/lib/$name:"* ]]
  expect "what is left" "$(find / -xdev -path "*$name*" -not -path '/package-test/*' -not -path '/proc/*' \
    -not -path '/tmp/*' -not -path '/var/log/*' -not -path '/sys/*' -not -path "/etc/systemd/system/$unit.d*")" ""
  [[ -n $(find "$archive/commits" -name '*.json') ]]
  # The user stays: files that it owns may.
  getent passwd $name >/dev/null
}

for part in installs_without_starting_anything does_not_run_unconfigured demo_runs_as_anybody configure runs_shut_in survives \
  upgrades makes_a_pass_shut_in is_removed is_purged; do
  say "${part//_/ }"
  "$part"
done
say "done"
touch /package-test/result/passed
