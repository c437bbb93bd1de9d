# watchd for NAS boxes. Build: docker build -t watchd . ; see docs/container.md and compose.yaml.
FROM python:3.11-slim-bookworm AS build
WORKDIR /src
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY watchd ./watchd
COPY systemd ./systemd
RUN python -m venv /opt/watchd \
    && /opt/watchd/bin/pip install --no-cache-dir --constraint constraints.txt '.[heic]' \
    && /opt/watchd/bin/python -m compileall -q /opt/watchd/lib

FROM python:3.11-slim-bookworm
COPY --from=build /opt/watchd /opt/watchd
# The user that owns the share outside: given by `user:` in compose.yaml (PUID:PGID), this one is only the default.
RUN groupadd --system --gid 10001 watchd \
    && useradd --system --uid 10001 --gid 10001 --home-dir /state --shell /usr/sbin/nologin watchd \
    && install -d -o watchd -g watchd -m 700 /state
USER 10001:10001
ENV PATH=/opt/watchd/bin:$PATH PYTHONUNBUFFERED=1 STATE_DIRECTORY=/state
VOLUME ["/state"]
EXPOSE 8787
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=10s --start-period=60s \
    CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8787/healthz', timeout=5)"]
ENTRYPOINT ["watchd", "--config", "/config/watchd.yaml"]
CMD ["run"]
