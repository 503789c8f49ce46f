#!/bin/bash
# Pin the newest versions of everything that pyproject.toml, controller/pyproject.toml and
# tools/requirements/dev.in ask for: one file for all platforms and Pythons, with hashes, no addresses.
# The image gets the same versions of what it needs at run time.
set -euo pipefail
compile() {
  .venv/bin/uv pip compile --quiet --universal --generate-hashes --no-header --no-emit-index-url \
    --no-emit-find-links --no-emit-package stashgen --no-emit-package stashgen-controller \
    --python-version 3.11 "$@"
}
compile --upgrade --all-extras pyproject.toml controller/pyproject.toml tools/requirements/dev.in \
  -o tools/requirements/dev.txt
compile --upgrade pyproject.toml controller/pyproject.toml --constraint tools/requirements/dev.txt \
  -o controller/requirements.txt
echo hatchling | compile --upgrade - --constraint tools/requirements/dev.txt \
  -o controller/build-requirements.txt
