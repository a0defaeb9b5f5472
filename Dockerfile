# syntax=docker/dockerfile:1
# Not built in CI yet: the images it begins with cannot be fetched there. Please report what does not work.
#
#   docker build -t uipath-audit-exporter .
#   docker run --rm uipath-audit-exporter demo --directory /var/lib/uipath-audit-exporter/demo
#   docker run --read-only -v ./exporter.toml:/etc/uipath-audit-exporter/exporter.toml:ro -v ./client-secret:/run/secrets/uipath:ro \
#     -v state:/var/lib/uipath-audit-exporter -v archive:/srv/uipath-audit uipath-audit-exporter run
ARG RUST=1.95
ARG DEBIAN=bookworm

FROM rust:${RUST}-slim-${DEBIAN} AS build
RUN apt-get update \
 && apt-get install --yes --no-install-recommends cmake gcc g++ libc6-dev make \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /build
COPY Cargo.toml Cargo.lock ./
COPY simulator simulator
COPY src src
ARG GIT=
RUN --mount=type=cache,target=/usr/local/cargo/registry --mount=type=cache,target=/build/target \
    if [ -n "$GIT" ]; then export BUILD_GIT="$GIT"; fi \
 && cargo build --release --locked \
 && cp target/release/uipath-audit-exporter /usr/local/bin/
# Empty directories that the program's user owns.
RUN mkdir -p /empty/state /empty/archive

# glibc, certificates, time zones, a user; no shell, no package manager.
FROM gcr.io/distroless/cc-debian12:nonroot
LABEL org.opencontainers.image.title="uipath-audit-exporter" \
      org.opencontainers.image.licenses="MIT OR Apache-2.0"
COPY --from=build /usr/local/bin/uipath-audit-exporter /usr/local/bin/
COPY --from=build --chown=nonroot:nonroot /empty/state /var/lib/uipath-audit-exporter
COPY --from=build --chown=nonroot:nonroot /empty/archive /srv/uipath-audit
COPY LICENSE-MIT LICENSE-APACHE /usr/share/doc/uipath-audit-exporter/
USER nonroot:nonroot
VOLUME ["/var/lib/uipath-audit-exporter", "/srv/uipath-audit"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["/usr/local/bin/uipath-audit-exporter"]
CMD ["run"]
