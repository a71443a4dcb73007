# The image that runs on CPUs: one binary with the default model inside, a folder with its bill of materials, and no more
# than a C library around them. Dockerfile.cuda is its sister; keep the two alike.
#
#     docker build --build-arg VERSION=0.1.0 --build-arg REVISION="$(git rev-parse HEAD)" --tag portcullis:0.1.0 .
ARG RUST_IMAGE=docker.io/library/rust:1.95.0-slim-bookworm@sha256:d7482085ff5b415f84dba5647ae71606650bdef00db7aeb69f4b3d170c3e4082
ARG RUNTIME_IMAGE=docker.io/library/debian:bookworm-20260824-slim@sha256:88200866dfff7ea7f5cbcb6ec7c8a701889efe6fe859fe64d6990e4b07ea4171

FROM ${RUST_IMAGE} AS base
SHELL ["/bin/bash", "-euo", "pipefail", "-c"]
# Debian keeps one version of a package a release, so that a pinned one would vanish at the next security update.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends python3 \
    && rm -rf /var/lib/apt/lists/*
RUN cargo install cargo-chef --version 0.1.78 --locked
WORKDIR /src

FROM base AS planner
COPY . .
RUN cargo chef prepare --recipe-path recipe.json

# The dependencies are a layer of their own, built again only when a manifest or the lock file changes.
FROM base AS builder
COPY --from=planner /src/recipe.json recipe.json
RUN cargo chef cook --release --locked --package portcullis --recipe-path recipe.json
COPY . .
RUN cargo build --release --locked --package portcullis \
    && install -D target/release/portcullis /out/portcullis \
    && scripts/sbom /out/portcullis.cdx.json \
    && /out/portcullis models verify

FROM ${RUNTIME_IMAGE} AS runtime
ARG VERSION=unknown
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Portcullis" \
      org.opencontainers.image.description="A threat classifier for AI traffic, over gRPC" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
COPY LICENSE /usr/share/doc/portcullis/LICENSE
COPY --from=builder /out/portcullis.cdx.json /usr/share/doc/portcullis/portcullis.cdx.json
COPY --from=builder /out/portcullis /usr/local/bin/portcullis
# Within the container's own network; what is let in from outside is for whoever runs it to say.
ENV PORTCULLIS_LISTEN=0.0.0.0:50051 \
    PORTCULLIS_METRICS_LISTEN=0.0.0.0:9464
EXPOSE 50051 9464
# A number, so that Kubernetes can tell that it is not root. Nothing is written to any file.
USER 10001:10001
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 CMD ["/usr/local/bin/portcullis", "health"]
ENTRYPOINT ["/usr/local/bin/portcullis"]
CMD ["serve"]
