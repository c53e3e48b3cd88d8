# The training image. Targets: `cpu`, which is the last stage and so the default, `gpu`, and the default with what
# `ei-train tune` needs on top: `tune`, and `ray` for `tune --executor ray`.
#
#     docker build -t ei-train .                    docker build -t ei-train:gpu --target gpu --build-arg GPU=1 .
#     docker build -t ei-train:ray --target ray --build-arg TUNE=1 .
#
# The base is any Debian with Python 3.11 to 3.13 and its venv module. Everything below works in the classic builder and
# in BuildKit: no mounts, no here-documents, no stage that only one of them would skip at a price (see `gpu-packages`).
ARG BASE_IMAGE=python:3.11-slim-bookworm

FROM ${BASE_IMAGE} AS base
# PYTHONSAFEPATH: an Edge Impulse export in the working directory holds a train.py, which must not be taken for ours.
# HOME: a uid without an account has none that can be written; nothing is kept there.
ENV PATH=/opt/ei-train/bin:$PATH \
    HOME=/tmp \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONSAFEPATH=1 \
    PYTHONUNBUFFERED=1 \
    TF_USE_LEGACY_KERAS=1 \
    EI_TRAIN_WEIGHTS=/opt/ei-train/weights
LABEL org.opencontainers.image.title="ei-train" \
      org.opencontainers.image.description="Trains image models for microcontrollers, compatible with Edge Impulse" \
      org.opencontainers.image.licenses="Apache-2.0"
WORKDIR /scripts
ENTRYPOINT ["/bin/sh", "/opt/ei-train/entrypoint.sh"]


# An empty environment that can install packages and build our own. strip(1) is for docker/slim.py.
FROM base AS builder
RUN apt-get update \
    && apt-get install --yes --no-install-recommends binutils \
    && python3 -m venv /opt/ei-train
COPY requirements/build.txt /build/requirements/
RUN pip install --no-cache-dir --no-compile --require-hashes -r /build/requirements/build.txt


# What the code needs, in a layer of its own: only a new lock or a new slim.py downloads TensorFlow again.
FROM builder AS cpu-packages
COPY requirements/train.txt /build/requirements/
RUN pip install --no-cache-dir --no-compile --no-deps --only-binary :all: --require-hashes \
        -r /build/requirements/train.txt
COPY docker/slim.py /build/
RUN python /build/slim.py


# What `tune` and `ray` add: what is in their locks and in none before. slim.py takes grpcio out of the image, but the
# server that a RayJob is submitted to imports it. The classic builder must be told, as with `gpu-packages` below.
FROM builder AS tune-packages
ARG TARGETARCH
ARG TUNE=${TARGETARCH}
COPY requirements/train.txt requirements/tune.txt docker/add.sh /build/
RUN mkdir /added && if [ -n "$TUNE" ]; then sh /build/add.sh /build/train.txt /build/tune.txt; fi


FROM builder AS ray-packages
ARG TARGETARCH
ARG TUNE=${TARGETARCH}
COPY requirements/tune.txt requirements/ray.txt docker/add.sh /build/
RUN mkdir /added && if [ -n "$TUNE" ]; then sh /build/add.sh /build/tune.txt /build/ray.txt grpcio; fi


# The classic builder makes every stage above the one that is asked for, and these packages are several gigabytes: it
# must be told that they are wanted. BuildKit makes only what the target needs; it is known by setting TARGETARCH.
FROM builder AS gpu-packages
ARG TARGETARCH
ARG GPU=${TARGETARCH}
COPY requirements/gpu.txt docker/slim.py docker/no_gpu.sh /build/
RUN if [ -n "$GPU" ]; then \
        pip install --no-cache-dir --no-compile --no-deps --only-binary :all: --require-hashes -r /build/gpu.txt \
        && python /build/slim.py; \
    else \
        rm -r /opt/ei-train && install -D -m 755 /build/no_gpu.sh /opt/ei-train/bin/python3; \
    fi


FROM builder AS code
WORKDIR /build
COPY pyproject.toml README.md LICENSE ./
COPY ei_compat ei_compat
COPY firmware firmware
COPY train train
RUN pip install --no-cache-dir --no-deps --no-build-isolation --no-index --prefix /code .
COPY docker/entrypoint.py docker/entrypoint.sh /code/


FROM base AS weights
ARG WEIGHTS="0.35_96 0.35_160 0.35_224"
COPY docker/fetch_weights.py /build/
COPY weights /build/weights
RUN python3 /build/fetch_weights.py --given /build/weights --into /opt/ei-train/weights ${WEIGHTS}


FROM base AS gpu
# For the NVIDIA container runtime.
ENV NVIDIA_VISIBLE_DEVICES=all \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility
COPY --from=gpu-packages /opt/ei-train /opt/ei-train
COPY --from=weights /opt/ei-train/weights /opt/ei-train/weights
COPY --from=code /code /opt/ei-train
ARG VERSION=0
ARG REVISION=unknown
LABEL org.opencontainers.image.version="${VERSION}" org.opencontainers.image.revision="${REVISION}"
ENV EI_TRAIN_REVISION="${REVISION}"


FROM base AS program
COPY --from=cpu-packages /opt/ei-train /opt/ei-train
COPY --from=weights /opt/ei-train/weights /opt/ei-train/weights
COPY --from=code /code /opt/ei-train
ARG VERSION=0
ARG REVISION=unknown
LABEL org.opencontainers.image.version="${VERSION}" org.opencontainers.image.revision="${REVISION}"
ENV EI_TRAIN_REVISION="${REVISION}"


FROM program AS tune
COPY --from=tune-packages /added /opt/ei-train


FROM tune AS ray
ENV RAY_USAGE_STATS_ENABLED=0
COPY --from=ray-packages /added /opt/ei-train
# KubeRay starts Ray by a login shell, which has a PATH of its own.
RUN ln -s /opt/ei-train/bin/ray /opt/ei-train/bin/ei-train /usr/local/bin/


FROM program AS cpu
