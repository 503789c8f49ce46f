"""Text with ``{{ name }}`` in it: directories and sub-paths that differ by cluster or volume.

Names are all that there is: no expressions, no filters, so that a reviewer sees the result.
"""

import re
from collections.abc import Iterable, Mapping

DEFAULT_DIRECTORY = "{{namespace}}/{{volume}}"
# What a Storage's subPath and a copy's directory may name.
CLUSTER_NAMES = frozenset({"cluster.id", "cluster.name"})
VOLUME_NAMES = CLUSTER_NAMES | {"namespace", "volume"}

_PLACE = re.compile(r"\{\{ *([A-Za-z][A-Za-z0-9_.]*) *\}\}", re.ASCII)
_BRACES = re.compile(r"\{\{|\}\}|\{%|%\}|\{#|#\}")


def check_template(text: str, names: Iterable[str]) -> None:
    """Make sure that ``fill`` can fill in the text.

    Raises:
        ValueError: a name is not one of these, or braces are not around a name.
    """
    known = sorted(names)
    for name in _PLACE.findall(text):
        if name not in known:
            raise ValueError(f"{{{{ {name} }}}} is not known here; there are {', '.join(known)}")
    if _BRACES.search(_PLACE.sub("", text)):
        raise ValueError("only a name can stand between {{ and }}")


def fill(text: str, values: Mapping[str, str]) -> str:
    """The text with every name replaced by its value.

    Raises:
        KeyError: a name has no value; ``check_template`` finds it before.
    """
    return _PLACE.sub(lambda match: values[match[1]], text)
