# Two images from one lock: `serve` (the default: one model behind HTTP, nothing else) and `train` (the whole environment).
# `just docker` builds them; `just docker --help` lists the keys.

# The tag is for people, the digest is what is built; `just docker base=…` takes another.
ARG BASE=docker.io/library/python:3.11-slim-bookworm@sha256:a36c24f9cbdf4fd0f52d67f0823eeac19c2028c637cecc392d97f980d4fec56b

# ---- uv, from the same pinned and hashed list as scripts/just.sh uses -------------------------------------------
FROM ${BASE} AS tools
# A mirror, where one is needed. Build arguments of this stage do not reach the images.
ARG PIP_INDEX_URL
ARG UV_DEFAULT_INDEX
ENV PIP_ROOT_USER_ACTION=ignore PIP_DISABLE_PIP_VERSION_CHECK=1 UV_LINK_MODE=copy
COPY scripts/tools.txt /build/
RUN --mount=type=cache,target=/root/.cache/pip \
    python3 -m pip install --quiet --no-deps --require-hashes --target /tools -r /build/tools.txt
ENV PATH=/tools/bin:$PATH
WORKDIR /build

# ---- what serving needs, trimmed and compiled -------------------------------------------------------------------
FROM tools AS serve-builder
COPY pyproject.toml uv.lock ./
RUN --mount=type=cache,target=/root/.cache/uv \
    uv venv --quiet --no-project --python /usr/local/bin/python3 /opt/kedja \
    && uv export --quiet --frozen --no-emit-project --no-default-groups --group serve --output-file serve.txt \
    && uv pip sync --quiet --require-hashes --python /opt/kedja serve.txt
COPY deploy/image/slim.py ./
RUN python3 slim.py /opt/kedja
# Source second: a changed line rebuilds nothing above.
COPY src/kedja/__init__.py src/kedja/cli.py /opt/kedja/source/kedja/
COPY src/kedja/common /opt/kedja/source/kedja/common
COPY src/kedja/bundle /opt/kedja/source/kedja/bundle
COPY src/kedja/serving /opt/kedja/source/kedja/serving
COPY deploy/image/healthcheck.py /opt/kedja/source/
RUN python3 slim.py --compile-only /opt/kedja/source

# ---- the whole environment --------------------------------------------------------------------------------------
FROM tools AS train
ARG TORCH=locked
ARG REVISION=unknown
ARG VERSION=0
ARG SOURCE=unknown
ARG BASE
LABEL org.opencontainers.image.title="kedja-train" \
      org.opencontainers.image.description="Kedja's whole chain: data, training, experiments, export" \
      org.opencontainers.image.source="${SOURCE}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.base.name="${BASE}"
WORKDIR /kedja
COPY pyproject.toml uv.lock .python-version README.md LICENSE justfile ./
COPY scripts scripts
COPY src/kedja/__init__.py src/kedja/cli.py src/kedja/
COPY src/kedja/common src/kedja/common
COPY src/kedja/bundle src/kedja/bundle
COPY src/kedja/environment src/kedja/environment
RUN --mount=type=cache,target=/root/.cache/uv \
    sh scripts/just.sh env groups=train torch=${TORCH}
COPY . .
# The numeric user may write what the chain makes, and nothing else.
RUN mkdir -p data runs bundle reports .cache .dvc/cache .dvc/tmp \
    && chown -R 65532:65532 data runs bundle reports .cache .dvc
ENV HOME=/kedja/.cache ORT_DISABLE_TELEMETRY=1
USER 65532:65532
STOPSIGNAL SIGTERM
ENTRYPOINT ["sh", "scripts/just.sh"]
CMD ["--list", "--unsorted"]

# ---- one model behind HTTP --------------------------------------------------------------------------------------
FROM ${BASE} AS serve
ARG REVISION=unknown
ARG VERSION=0
ARG SOURCE=unknown
ARG BASE
LABEL org.opencontainers.image.title="kedja-serve" \
      org.opencontainers.image.description="A Kedja bundle behind HTTP" \
      org.opencontainers.image.source="${SOURCE}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.base.name="${BASE}"
# The base brings an installer; a service that installs nothing has no use for one.
COPY deploy/image/remove_installers.py /tmp/
RUN ["python3", "/tmp/remove_installers.py"]
COPY --from=serve-builder /opt/kedja /opt/kedja
# A folder of this repository: the bundle, or deploy/image/no-bundle where it will be mounted.
ARG BUNDLE=bundle
COPY ${BUNDLE} /bundle
ENV PYTHONPATH=/opt/kedja/source \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    ORT_DISABLE_TELEMETRY=1 \
    KEDJA_BUNDLE=/bundle \
    KEDJA_HOST=0.0.0.0 \
    KEDJA_PORT=8000
WORKDIR /
USER 65532:65532
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=5s --timeout=3s --start-period=10s --retries=3 \
    CMD ["/opt/kedja/bin/python", "/opt/kedja/source/healthcheck.py"]
ENTRYPOINT ["/opt/kedja/bin/python", "-m", "kedja.serving"]
