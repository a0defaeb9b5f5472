#!/bin/sh
# Puts the image's file system together in the directory $1: run by the Dockerfile, in its build stage.
set -eu
readonly root=$1 name=uipath-audit-exporter
program=target/release/$name

install -d -m 0755 "$root/usr/local/bin"
# Without what only a debugger reads: two thirds of it. Names of functions stay, and the list of crates.
strip --strip-debug -o "$root/usr/local/bin/$name" "$program"
install -d -m 0755 "$root/etc" "$root/var/lib/dpkg/status.d" "$root/usr/share/$name" "$root/usr/share/doc/$name" "$root/etc/$name"

# The libraries it is linked with. What looks names up in DNS and in /etc/hosts is part of libc.
libraries=$(ldd "$program" | grep -o '/[^ ]*')
packages=ca-certificates
for library in $libraries; do
  install -D -m 0755 "$library" "$root$library"
  packages="$packages $(dpkg-query --search "$library" | cut -d: -f1)"
done

# Which packages these are, where scanners look for it, and their licences.
for package in $(printf '%s\n' $packages | sort -u); do
  dpkg-query --status "$package" >"$root/var/lib/dpkg/status.d/$package"
  install -D -m 0644 "/usr/share/doc/$package/copyright" "$root/usr/share/doc/$package/copyright"
done
install -m 0644 /etc/os-release "$root/etc/os-release"
install -D -m 0644 /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/ca-certificates.crt"

printf 'hosts: files dns\n' >"$root/etc/nsswitch.conf"
printf 'root:x:0:0::/:/nonexistent\nnonroot:x:65532:65532::/var/lib/%s:/nonexistent\n' "$name" >"$root/etc/passwd"
printf 'root:x:0:\nnonroot:x:65532:\n' >"$root/etc/group"
# Where it writes, when a volume is mounted there.
install -d -m 0700 -o 65532 -g 65532 "$root/var/lib/$name"
install -d -m 0750 -o 65532 -g 65532 "$root/srv/uipath-audit"
install -d -m 1777 "$root/tmp"

install -m 0644 deploy/container/container.toml "$root/usr/share/$name/"
install -m 0644 LICENSE-MIT LICENSE-APACHE "$root/usr/share/doc/$name/"
install -m 0644 ${name}_bin.cdx.json "$root/usr/share/doc/$name/sbom.cdx.json"
