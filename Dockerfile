# A small image: the program, the libraries it is linked with, certificates, a user. No shell, no package manager; it runs
# read-only, as user 65532. docs/container.md says how to build and run it.
#
# The base is pinned by its exact version. Pin it by digest as well, where you build for others:
#   docker build --build-arg RUST_IMAGE=docker.io/library/rust:1.95.0-slim-bookworm@sha256:… .
# Behind a mirror, hand a cargo configuration in: docker build --secret id=cargo,src=config.toml .
ARG RUST_IMAGE=docker.io/library/rust:1.95.0-slim-bookworm

FROM ${RUST_IMAGE} AS toolchain
# What lists the crates in the binary, and beside it. Not optimized: they run for a second.
ARG CARGO_AUDITABLE=0.7.7
ARG CARGO_CYCLONEDX=0.5.9
ENV CARGO_NET_RETRY=5
RUN --mount=type=secret,id=cargo,target=/usr/local/cargo/config.toml \
    CARGO_PROFILE_DEV_DEBUG=0 cargo install --locked --debug --root /usr/local --target-dir /tmp/tools \
      "cargo-auditable@${CARGO_AUDITABLE}" "cargo-cyclonedx@${CARGO_CYCLONEDX}" \
 && rm -rf /tmp/tools

FROM toolchain AS program
WORKDIR /build
COPY Cargo.toml Cargo.lock ./
COPY simulator simulator
COPY src src
# Named in Cargo.toml; not built here.
COPY benches/bytes benches/bytes
# The commit that it is built from, for what it says of itself.
ARG REVISION=
RUN --mount=type=secret,id=cargo,target=/usr/local/cargo/config.toml \
    if [ -n "${REVISION}" ]; then export BUILD_GIT="${REVISION}"; fi \
 && cargo auditable build --release --locked --bin uipath-audit-exporter \
 && cargo cyclonedx --format json --spec-version 1.5 --describe binaries --no-build-deps
COPY deploy/container/assemble.sh deploy/container/container.toml deploy/container/
COPY LICENSE-MIT LICENSE-APACHE ./
RUN sh deploy/container/assemble.sh /image

FROM scratch
ARG VERSION=0.1.0
ARG REVISION=
LABEL org.opencontainers.image.title="uipath-audit-exporter" \
      org.opencontainers.image.description="Exports UiPath audit events into an archive that an auditor can check" \
      org.opencontainers.image.licenses="MIT OR Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
COPY --from=program /image /
USER 65532:65532
# Relative paths begin where it may write.
WORKDIR /var/lib/uipath-audit-exporter
# Checkpoints, a cache; an archive in a directory.
VOLUME ["/var/lib/uipath-audit-exporter", "/srv/uipath-audit"]
# Passes end in their own time, within 25 s: docker stop --time 40.
STOPSIGNAL SIGTERM
# By address, not by configuration: a mistake in a file that was changed meanwhile does not make the daemon ill.
HEALTHCHECK --interval=30s --timeout=10s --start-period=30s --retries=3 \
  CMD ["/usr/local/bin/uipath-audit-exporter", "health", "--address", "127.0.0.1:9464"]
ENTRYPOINT ["/usr/local/bin/uipath-audit-exporter"]
CMD ["--config", "/usr/share/uipath-audit-exporter/container.toml", "--config", "/etc/uipath-audit-exporter/exporter.toml", "run"]
