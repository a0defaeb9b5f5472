#!/usr/bin/env bash
# Builds the Debian package twice, the second as the upgrade of the first, has lintian look at it, and tries it in a machine
# of its own: Debian bookworm with systemd as its first process, without a network (inside.sh).
#
# Needs root, for namespaces; and debootstrap, systemd-nspawn, lintian and dpkg-dev, which it installs by apt where they
# are missing. The machine's file system is made once, below target/tools, and never written again.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

readonly suite=bookworm
readonly base=target/tools/$suite
readonly work=target/package

# Where it cannot run: an error if CI is set.
skip() {
  echo "skipped: the Debian package: $1"
  [[ -z ${CI:-} ]] && exit 0
  exit 1
}

tools() {
  local missing=() tool package
  for tool in debootstrap:debootstrap systemd-nspawn:systemd-container lintian:lintian dpkg-shlibdeps:dpkg-dev; do
    package=${tool#*:}
    command -v "${tool%:*}" >/dev/null || missing+=("$package")
  done
  ((${#missing[@]})) || return 0
  command -v apt-get >/dev/null || skip "no apt to install ${missing[*]} with"
  apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install --no-install-recommends "${missing[@]}" \
    >"$work/apt.log" 2>&1 || skip "apt cannot install ${missing[*]}: see $work/apt.log"
}

# A small Debian, to be looked at only.
machine() {
  [[ -e $base/complete ]] && return
  rm -rf "$base"
  mkdir -p "$base"
  debootstrap --variant=minbase --include=ca-certificates,procps,systemd,systemd-sysv "$suite" "$base/root" \
    >"$work/debootstrap.log" 2>&1 || skip "debootstrap cannot make $suite: see $work/debootstrap.log"
  rm -rf "$base"/root/var/cache/apt/archives/*.deb "$base"/root/var/lib/apt/lists/*
  touch "$base/complete"
}

packages() {
  local revision
  for revision in 1 2; do
    rm -rf "$work/$revision"
    mkdir -p "$work/$revision"
    mv "$(scripts/package.sh "$revision" | tail -n 1)" "$work/$revision/"
  done
  dpkg-deb --info "$work"/1/*.deb
  dpkg-deb --contents "$work"/1/*.deb | awk '{ print $1, $2, $3, $6 }'
}

# Whoever gets the program gets the licences of all that is in it.
licences_are_complete() {
  local told crate
  told=$(dpkg-deb --fsys-tarfile "$work"/1/*.deb | tar -xO ./usr/share/doc/uipath-audit-exporter/third-party-licences.gz | zcat)
  cargo tree --locked --edges normal --prefix none --format '{p}' | grep -v ' (/' | sort -u | sed -E 's/^(\S+) v(\S+).*/\1 \2:/' \
    >"$work/crates"
  (($(wc -l <"$work/crates") > 100))
  while read -r crate; do
    if ! grep -qF "$crate" <<<"$told"; then
      echo "the package's licences lack $crate"
      return 1
    fi
  done <"$work/crates"
}

try() {
  rm -rf "$work/result"
  mkdir -p "$work/result"
  local status=0
  timeout 300 systemd-nspawn --quiet --directory "$base/root" --volatile=overlay --private-network --register=no --keep-unit \
    --machine="package-test-$$" --resolv-conf=off --console=pipe --tmpfs=/package-test \
    --bind-ro="$PWD/$work:/package-test/packages" \
    --bind-ro="$PWD/tests/debian/inside.sh:/package-test/inside.sh" \
    --bind-ro="$PWD/tests/debian/package-test.service:/etc/systemd/system/package-test.service" \
    --bind="$PWD/$work/result:/package-test/result" \
    --boot systemd.unit=package-test.service </dev/null >"$work/boot.log" 2>&1 || status=$?
  if [[ ! -e $work/result/log ]]; then
    cat "$work/boot.log"
    skip "a machine with systemd does not start here (exit $status)"
  fi
  cat "$work/result/log"
  [[ -e $work/result/passed ]]
}

mkdir -p "$work"
((UID == 0)) || skip "not root"
tools
machine
packages
licences_are_complete
lintian --fail-on error,warning --tag-display-limit 0 --allow-root "$work"/1/*.deb
try
