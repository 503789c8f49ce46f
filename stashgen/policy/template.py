"""Text with ``{{ name }}`` in it: directories and sub-paths that differ by cluster or volume.

Only names, no expressions or filters, so that a reviewer can tell the result.
"""

import re
from collections.abc import Iterable, Mapping

from stashgen.policy.project import Cluster

DEFAULT_DIRECTORY = "{{namespace}}/{{volume}}"
# In a storage whose own place has the namespace already.
DIRECTORY_IN_NAMESPACE = "{{volume}}"
# The names allowed in a Storage's subPath and in a copy's directory.
CLUSTER_NAMES = frozenset({"cluster.id", "cluster.name"})
VOLUME_NAMES = CLUSTER_NAMES | {"namespace", "volume"}
# Those in the keys of a store that a Secret is read from.
SECRET_NAMES = CLUSTER_NAMES | {"namespace"}

# No third brace beside it: Jinja would read that as another thing.
_PLACE = re.compile(r"(?<!\{)\{\{ *([A-Za-z][A-Za-z0-9_.]*) *\}\}(?!\})", re.ASCII)
_BRACES = re.compile(r"\{\{|\}\}|\{%|%\}|\{#|#\}")


def check_template(text: str, names: Iterable[str]) -> None:
    """Check that ``fill`` can fill in the text.

    Raises:
        ValueError: a name is unknown, or braces do not enclose a name.
    """
    known = sorted(names)
    for name in _PLACE.findall(text):
        if name not in known:
            raise ValueError(f"{{{{ {name} }}}} is unknown; the known names are {', '.join(known)}")
    if _BRACES.search(_PLACE.sub("", text)):
        raise ValueError("only a name is allowed between {{ and }}")


def cluster_values(cluster: Cluster) -> dict[str, str]:
    """The values of the names that depend only on the cluster."""
    return {"cluster.id": cluster.id, "cluster.name": cluster.name}


def fill(text: str, values: Mapping[str, str]) -> str:
    """The text with every name replaced by its value.

    Raises:
        KeyError: a name has no value; ``check_template`` catches that first.
    """
    return _PLACE.sub(lambda match: values[match[1]], text)
