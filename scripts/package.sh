#!/usr/bin/env bash
# Builds the Debian package from the release build: target/debian/uipath-audit-exporter_VERSION-REVISION_ARCHITECTURE.deb.
# Needs dpkg-dev, Python 3, and the registry for cargo-deb, of one version alone, which is built once below target/tools.
#
#   scripts/package.sh [REVISION]      1 unless given
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly cargo_deb=3.8.0
readonly revision=${1:-1}
readonly made=target/package
readonly program=target/release/uipath-audit-exporter

if [[ $(target/tools/bin/cargo-deb --version 2>/dev/null) != "$cargo_deb" ]]; then
  CARGO_PROFILE_DEV_DEBUG=0 cargo install cargo-deb --version "$cargo_deb" --locked --debug --quiet --no-default-features \
    --root target/tools --target-dir target/tools/build
  rm -rf target/tools/build
fi

# Commits name the program's source (`tool.git`); without a checkout they do not.
if revision_of_source=$(git rev-parse --verify --quiet HEAD 2>/dev/null); then
  export BUILD_GIT=${BUILD_GIT:-$revision_of_source}
fi
cargo build --release --locked --quiet
version=$("$program" --version | cut -d' ' -f2)
# The time of the last commit, so that the same sources make the same package.
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || date +%s)}
export SOURCE_DATE_EPOCH

mkdir -p "$made"
"$program" man >"$made/uipath-audit-exporter.1"
"$program" completions bash >"$made/uipath-audit-exporter.bash"
"$program" completions zsh >"$made/_uipath-audit-exporter"
"$program" completions fish >"$made/uipath-audit-exporter.fish"
scripts/notices.py | gzip -9n >"$made/third-party-licences.gz"
gzip -9n <CHANGELOG.md >"$made/changelog.gz"
cat >"$made/changelog" <<END
uipath-audit-exporter ($version-$revision) unstable; urgency=medium

  * What has changed is told in changelog.gz, beside this file.

 -- The uipath-audit-exporter maintainers <maintainers@uipath-audit-exporter.invalid>  $(date --utc --rfc-email --date "@$SOURCE_DATE_EPOCH")
END

target/tools/bin/cargo-deb --no-build --locked --strip --deb-revision "$revision"
