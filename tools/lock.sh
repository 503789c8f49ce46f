#!/bin/bash
# Pin the newest versions of everything that pyproject.toml, controller/pyproject.toml and
# tools/requirements/dev.in ask for: one file for all platforms and Pythons, with hashes, no addresses.
set -euo pipefail
exec .venv/bin/uv pip compile --quiet --upgrade --universal --generate-hashes --no-header \
  --no-emit-index-url --no-emit-find-links --no-emit-package stashgen --python-version 3.11 \
  --all-extras pyproject.toml controller/pyproject.toml tools/requirements/dev.in \
  -o tools/requirements/dev.txt
