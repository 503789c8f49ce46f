#!/bin/bash
# Make a virtual environment that holds exactly the pinned dependencies and both distributions,
# editable. Usage: tools/make_venv.sh PYTHON FOLDER; the checkout is the one that has this script.
set -euo pipefail
python=$1
case $2 in
/*) folder=$2 ;;
*) folder=$PWD/$2 ;;
esac
cd "$(dirname "${BASH_SOURCE[0]}")/.."
command -v "$python" >/dev/null || {
  echo "error: $python is not on PATH; Python 3.11 to 3.14 is needed, try make PYTHON=python3.13" >&2
  exit 2
}
"$python" -c 'import sys; v = sys.version_info; sys.exit(not (3, 11) <= v < (3, 15))' || {
  echo "error: Python 3.11 to 3.14 is needed, $python is $("$python" -V 2>&1); try make PYTHON=python3.13" >&2
  exit 2
}
[ -w "$(dirname "$folder")" ] || {
  echo "error: $(dirname "$folder") cannot be written; use a copy of the checkout" >&2
  exit 2
}
pins=tools/requirements/dev.txt
# Two makes at once would install into each other's half-made folder.
exec 9<tools/make_venv.sh
flock 9
complete=$folder/.complete
if [ "$complete" -nt "$pins" ] && [ "$complete" -nt pyproject.toml ] &&
  [ "$complete" -nt controller/pyproject.toml ]; then
  exit 0
fi
# A virtual environment of another Python is made anew.
if [ ! -x "$folder/bin/python" ] ||
  [ "$("$folder/bin/python" -c 'import sys; print(sys.version)')" != "$("$python" -c 'import sys; print(sys.version)')" ]; then
  rm -rf "$folder"
  "$python" -m venv "$folder" || {
    echo "error: $python cannot make virtual environments (Debian: install python3-venv)" >&2
    exit 2
  }
fi
quiet=(--quiet --disable-pip-version-check)
if [ ! -x "$folder/bin/uv" ]; then
  echo "setting up the virtual environment (once) ..." >&2
  # uv alone first, with the hashes of its pin: pip is ten times slower for the rest.
  awk '/^uv==/ {take = 1} take {print} take && !/\\$/ {exit}' "$pins" >"$folder/uv.txt"
  "$folder/bin/python" -m pip install "${quiet[@]}" --require-hashes --no-deps -r "$folder/uv.txt"
fi
export VIRTUAL_ENV=$folder
"$folder/bin/uv" pip sync --quiet --require-hashes "$pins"
"$folder/bin/uv" pip install --quiet --no-deps --no-build-isolation -e . -e controller
touch "$complete"
