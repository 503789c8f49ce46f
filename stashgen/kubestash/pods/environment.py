"""Variables of a worker's container: which ones a user may set, and what becomes of them.

The container's variables are also restic's (proxies, ``GOGC``, ``SSL_CERT_FILE``,
``RESTIC_PACK_SIZE``). A name that would have no effect, or that would direct a reviewed worker to
another repository, key or clock, is reserved: the worker drops it, and an object that sets it is
told so.
"""

from stashgen.kubestash.verbs import PODS

# How restic reads and writes; restic's other variables say where, with which key, or what is
# listed (RESTIC_HOST hides snapshots), which is what the worker's own arguments are for.
_RESTIC_SETTINGS = frozenset(
    {
        "RESTIC_COMPRESSION",
        "RESTIC_HTTP_USER_AGENT",
        "RESTIC_PACK_SIZE",
        "RESTIC_READ_CONCURRENCY",
    }
)
_COMPRESSIONS = ("auto", "off", "fastest", "better", "max")
_PACK_MIB = range(4, 129)
# restic takes another number for none at all; its own limit is that of the processors' threads.
_READERS = range(1, 1025)
_MOST_DIGITS = 9
_SESSION = frozenset(
    {"JOB_NAME", "POD_UID", *(name for pod in PODS.values() for name in pod.session)}
)
_OWN = frozenset({"TMPDIR", "TZ"})
_CA_FILE = "RESTIC_CACERT"
_ALL_PROXY = "all_proxy"


def why_no_setting(name: str, value: str) -> str | None:
    """Why restic does not start with a variable's value; None if it does, or reads no such one.

    An empty value is none at all (restic manual, "Environment Variables").
    """
    if not value:
        return None
    if name == "RESTIC_COMPRESSION" and value not in _COMPRESSIONS:
        return f"{value!r} is not one of {', '.join(_COMPRESSIONS)}"
    if name == "RESTIC_PACK_SIZE" and not _is_within(value, _PACK_MIB):
        return f"{value!r} is not a number of MiB from {_PACK_MIB[0]} to {_PACK_MIB[-1]}"
    if name == "RESTIC_READ_CONCURRENCY" and not _is_within(value, _READERS):
        return f"{value!r} is not a number of files from {_READERS[0]} to {_READERS[-1]}"
    return None


def _is_within(value: str, allowed: range) -> bool:
    """Whether it is such a number, or 0, which is restic's own choice."""
    if not (value.isascii() and value.isdecimal() and len(value) <= _MOST_DIGITS):
        return False
    return int(value) in allowed or int(value) == 0


def why_reserved(name: str) -> str | None:
    """Why a variable is not a user's to set; None where it is.

    Args:
        name: The variable's.
    """
    if name.startswith("AWS_"):
        return "the keys and the region come from the storage: the worker drops AWS_* variables"
    if name == _CA_FILE:
        return "put the certificate into the storage's Secret as CA_CERT_DATA, or use SSL_CERT_FILE"
    if name.startswith("RESTIC_") and name not in _RESTIC_SETTINGS:
        return f"the worker sets it; of restic's own only {', '.join(sorted(_RESTIC_SETTINGS))}"
    if name.lower() == _ALL_PROXY:
        return "restic does not read it: set HTTP_PROXY and HTTPS_PROXY"
    if name.startswith("STASHGEN_") or name in _SESSION | _OWN:
        return "the worker's own settings cannot be replaced"
    return None
