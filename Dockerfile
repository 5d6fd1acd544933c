# The three programs in one image of nothing but them and what they load: no shell, no packages.
# docker build -t cresset .
ARG DEBIAN=debian:bookworm-slim
ARG VERSION=0.1.0

FROM ${DEBIAN} AS build
WORKDIR /src
# What is newest in this release of Debian is what should be built with.
# hadolint ignore=DL3008
RUN apt-get update \
  && apt-get install -y --no-install-recommends ca-certificates git tzdata \
  && rm -rf /var/lib/apt/lists/*
COPY . .
RUN ./dev build release --target cresset-agent cresset-server cresset-analyzer \
  && tools/image_root build-release/bin /image

FROM scratch
ARG VERSION
ARG REVISION=
ARG CREATED=
LABEL org.opencontainers.image.title="Cresset" \
  org.opencontainers.image.description="Continuous profiling and diagnostics for Kubernetes" \
  org.opencontainers.image.licenses="Apache-2.0" \
  org.opencontainers.image.version="${VERSION}" \
  org.opencontainers.image.revision="${REVISION}" \
  org.opencontainers.image.created="${CREATED}"
COPY --from=build /image /
# The agent runs as root: its pod says so.
USER 10001:10001
WORKDIR /var/lib/cresset
EXPOSE 4040
STOPSIGNAL SIGTERM
ENTRYPOINT ["/usr/bin/cresset-server"]
CMD ["--data-dir=/var/lib/cresset"]
