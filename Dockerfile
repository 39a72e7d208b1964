# syntax=docker/dockerfile:1
# One image for head, workers, jobs, crawl and exporter.
#   docker build --build-arg BASE_IMAGE=... --build-arg TORCH_INDEX_URL=... -t fashiontrend:0.1.0 .
# BASE_IMAGE: a Debian or Ubuntu with Python 3.11 or newer as `python3`. TORCH_INDEX_URL: the index of
# torch's wheels for your hardware (CPU or a CUDA version). Neither has a default: both decide what you run.
ARG BASE_IMAGE

FROM ${BASE_IMAGE} AS build
ARG TORCH_INDEX_URL
RUN test -n "${TORCH_INDEX_URL}" || { echo "TORCH_INDEX_URL is empty: name an index of torch wheels" >&2; exit 1; }
RUN python3 -m venv /opt/fashiontrend
ENV PATH=/opt/fashiontrend/bin:${PATH}
WORKDIR /src
COPY constraints.txt pyproject.toml README.md LICENSE ./
# Dependencies first: they change less often than the code.
COPY fashiontrend/__init__.py fashiontrend/__init__.py
COPY ray_jobs/__init__.py ray_jobs/__init__.py
RUN --mount=type=cache,target=/root/.cache/pip \
    pip install --constraint constraints.txt --extra-index-url "${TORCH_INDEX_URL}" ".[all,kubernetes]"
COPY fashiontrend fashiontrend
COPY ray_jobs ray_jobs
# pip compiles what it installs; compileall fails over files of torch that are written for a newer Python.
RUN pip install --no-deps --force-reinstall .

FROM build AS sbom
RUN python3 -m venv /opt/sbom && /opt/sbom/bin/pip install cyclonedx-bom==7.1.0
RUN /opt/sbom/bin/cyclonedx-py environment /opt/fashiontrend/bin/python --output-format JSON --output-file /sbom.cdx.json

FROM ${BASE_IMAGE}
# KubeRay's probes of older versions call wget; certificates and time zones are opened at run time, and
# LightGBM's wheel brings no OpenMP of its own.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends bash ca-certificates libgomp1 tzdata wget \
    && apt-get clean && rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin
RUN groupadd --gid 1000 app && useradd --uid 1000 --gid 1000 --create-home --home-dir /home/app app
COPY --from=build /opt/fashiontrend /opt/fashiontrend
COPY --from=sbom /sbom.cdx.json /usr/share/sbom/fashiontrend.cdx.json
COPY --chmod=0555 docker/entrypoint /usr/local/bin/entrypoint
# The root is read-only in a cluster: /tmp, /tmp/ray and the home are volumes there. Ray's workers inherit
# that malloc asks for huge pages (fashiontrend/malloc.py).
ENV PATH=/opt/fashiontrend/bin:/usr/local/bin:/usr/bin:/bin \
    HOME=/home/app \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    GLIBC_TUNABLES=glibc.malloc.hugetlb=1 \
    RAY_USAGE_STATS_ENABLED=0 \
    RAY_ENABLE_UV_RUN_RUNTIME_ENV=0
WORKDIR /home/app
USER 1000:1000
ENTRYPOINT ["/usr/local/bin/entrypoint"]
CMD ["job", "--help"]
