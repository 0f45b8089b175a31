# syntax=docker/dockerfile:1
FROM python:3.12-slim-bookworm AS build
WORKDIR /src
COPY requirements.lock pyproject.toml README.md LICENSE ./
RUN python -m venv /opt/plumbline \
 && /opt/plumbline/bin/pip install --no-cache-dir --require-hashes -r requirements.lock
COPY app app
COPY agents agents
COPY tools tools
COPY graph graph
COPY evals evals
# The tables of the HCL grammar are built here, once: the service may not write where they are kept.
RUN /opt/plumbline/bin/pip install --no-cache-dir --no-deps --no-build-isolation . \
 && /opt/plumbline/bin/python -c "from hcl2.parser import parser; parser()"

FROM python:3.12-slim-bookworm
RUN useradd --system --uid 10001 --home-dir /data --shell /usr/sbin/nologin plumbline \
 && install -d -o plumbline -g plumbline /data
COPY --from=build /opt/plumbline /opt/plumbline
ENV PATH=/opt/plumbline/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    PLUMBLINE_DATA_DIR=/data \
    PLUMBLINE_HOST=0.0.0.0
USER 10001
WORKDIR /data
VOLUME /data
EXPOSE 8321
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s \
  CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8321/readyz', timeout=4)"]
ENTRYPOINT ["plumbline"]
CMD ["up", "--no-executor"]
