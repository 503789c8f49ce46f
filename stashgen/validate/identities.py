"""How a storage's pods identify themselves: with the keys of a Secret, or with an IAM role."""

from collections.abc import Iterator

from stashgen.diagnostics import Finding, quote
from stashgen.kubestash.backends import BACKENDS
from stashgen.kubestash.backends.s3 import is_amazon, is_role
from stashgen.kubestash.verbs import Verb
from stashgen.policy.template import SECRET_NAMES, check_template, fill
from stashgen.validate import values
from stashgen.validate.walk import Code, Keys, error, value_at
from stashgen.yaml.documents import Document

_WITH_SECRET = frozenset({"Namespace", "ExternalSecret"})
# As ``from``: a role in place of a Secret.
WITH_ROLE = "WorkloadIdentity"
_AT = ("spec", "credentials")
_RETAIN = (*_AT, "perVerb", Verb.RETAIN)
_OF_SECRETS = (
    (*_AT, "secretName"),
    (*_AT, "store"),
    (*_AT, "data"),
    (*_AT, "perVerb", "data"),
)


def identity_findings(document: Document) -> Iterator[Finding]:
    """Violations of a storage's ``credentials`` that depend on ``from``."""
    source = value_at(document, "spec.credentials.from")
    provider = str(value_at(document, "spec.backend.provider"))
    backend = BACKENDS.get(provider)
    if backend is None or backend.role_annotation is None:
        return  # The provider's own rules say what it can have.
    if source in _WITH_SECRET:
        yield from _of_secret(document)
    elif source == WITH_ROLE:
        yield from _of_role(document, provider)


def _of_secret(document: Document) -> Iterator[Finding]:
    if value_at(document, "spec.credentials.secretName") is None:
        yield _missing(document, "secretName", "the pods mount the Secret of that name")
    if value_at(document, "spec.credentials.roleARN") is not None:
        yield error(
            Code.NOT_ALLOWED,
            document,
            (*_AT, "roleARN"),
            at_key=True,
            what="roleARN is set, but the pods have the keys of a Secret",
            why="it would have no effect",
            fix=f"set from: {WITH_ROLE}, or remove roleARN",
        )
    problem = values.subdomain(value_at(document, ".".join(_RETAIN)))
    if problem is not None:
        yield error(
            problem.code, document, _RETAIN, what=problem.what, why=problem.why, fix=problem.fix
        )


def _of_role(document: Document, provider: str) -> Iterator[Finding]:
    if value_at(document, "spec.credentials.roleARN") is None:
        yield _missing(document, "roleARN", "the pods assume the role of that ARN")
    for keys in _OF_SECRETS:
        if value_at(document, ".".join(keys)) is not None:
            yield error(
                Code.NOT_ALLOWED,
                document,
                keys,
                at_key=True,
                what=f"{keys[-1]} is set, but with from: {WITH_ROLE} there is no Secret",
                why="it would have no effect",
                fix=f"remove {keys[-1]}, or take the keys of a Secret with another from",
            )
    yield from _role(document, (*_AT, "roleARN"))
    yield from _role(document, _RETAIN)
    keys = ("spec", "backend", provider, "endpoint")
    endpoint = value_at(document, ".".join(keys))
    if isinstance(endpoint, str) and values.endpoint(endpoint) is None and not is_amazon(endpoint):
        yield error(
            Code.NOT_ALLOWED,
            document,
            keys,
            what=f"from: {WITH_ROLE} does not work with {quote(endpoint)}",
            why="restic exchanges a ServiceAccount's token for keys only at Amazon's security "
            "token service, whose keys are valid for Amazon S3 over https",
            fix="use a Secret with keys (from: Namespace), or remove endpoint for Amazon S3",
        )


def _role(document: Document, keys: Keys) -> Iterator[Finding]:
    text = value_at(document, ".".join(map(str, keys)))
    if not isinstance(text, str):
        return
    try:
        check_template(text, SECRET_NAMES)
    except ValueError as problem:
        yield error(
            Code.TEMPLATE,
            document,
            keys,
            what=f"{quote(text)} is not the ARN of a role",
            why=str(problem),
            fix='use names such as "{{ namespace }}", which are replaced',
        )
        return
    if not is_role(fill(text, dict.fromkeys(SECRET_NAMES, "x"))):
        yield error(
            Code.NOT_ALLOWED,
            document,
            keys,
            what=f"{quote(text)} is not the ARN of a role",
            why=f"with from: {WITH_ROLE} the pods assume a role of AWS IAM",
            fix='use an ARN such as "arn:aws:iam::123456789012:role/backup"',
        )


def _missing(document: Document, field: str, why: str) -> Finding:
    return error(
        Code.MISSING_FIELD,
        document,
        _AT,
        what=f"field {quote(field)} is missing",
        why=why,
        fix=f"add {field}: ...",
    )
