FROM python:3.11-slim AS build
WORKDIR /src
RUN python -m venv /venv
COPY deploy/requirements.lock deploy/requirements.lock
RUN /venv/bin/pip install --no-cache-dir --require-hashes --requirement deploy/requirements.lock
COPY pyproject.toml README.md ./
COPY gateway gateway
COPY providers providers
COPY schema schema
RUN /venv/bin/pip install --no-cache-dir setuptools && /venv/bin/pip install --no-cache-dir --no-build-isolation --no-deps .

FROM python:3.11-slim
RUN useradd --system --create-home --home-dir /var/lib/countersign countersign
COPY --from=build /venv /venv
USER countersign
WORKDIR /var/lib/countersign
EXPOSE 8000
HEALTHCHECK --interval=5s --timeout=3s \
    CMD ["/venv/bin/python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/healthz', timeout=2)"]
ENTRYPOINT ["/venv/bin/countersign"]
CMD ["serve", "--config", "/etc/countersign.toml"]
