"""Whatever people write, the passes answer with findings."""

import json
from collections.abc import Iterator

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stashgen import pipeline
from stashgen.model.source import Source
from stashgen.yaml.nodes import Json
from tests.support.documents import (
    CLAIM,
    POLICY,
    PROJECT,
    RETENTION,
    STORAGE,
    from_json,
    read,
    source,
)
from tests.support.project import TODAY

_VALID = [
    json.loads(json.dumps(read(text, "any.yaml")[0].data))
    for text in (PROJECT, STORAGE, POLICY, RETENTION, CLAIM)
]


def _words(node: Json) -> Iterator[str]:
    match node:
        case str():
            yield node
        case dict():
            yield from node
            for child in node.values():
                yield from _words(child)
        case list():
            for child in node:
                yield from _words(child)
        case _:
            pass


_WORDS = sorted(
    {word for document in _VALID for word in _words(document)}
    | {"keep", "retention", "schedule", "timeZone", "subPath", "directory", "exclude", "job"}
    | {"0 0 31 2 *", "H H * * *", "7d", "{{ cluster.id }}", "{{x}}", "..", "", "runAs", "maxAge"}
)
_SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.sampled_from([0.5, -1.5])
    | st.sampled_from(_WORDS)
    | st.text(max_size=20).filter(lambda text: text.isprintable())
)
_KEYS = st.sampled_from(_WORDS) | st.text(max_size=8).filter(lambda text: text.isprintable())
_ANY = st.recursive(
    _SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_KEYS, inner, max_size=5),
    max_leaves=20,
)


@st.composite
def _mutated(draw: st.DrawFn) -> list[dict[str, Json]]:
    """The valid documents with a few of their values, keys or items replaced."""
    documents: list[dict[str, Json]] = json.loads(json.dumps(_VALID))
    for _ in range(draw(st.integers(1, 4))):
        node: dict[str, Json] | list[Json] = draw(st.sampled_from(documents))
        while True:
            inner = [child for child in _children(node) if child]
            if not inner or draw(st.integers(0, 3)) == 0:
                break
            node = draw(st.sampled_from(inner))
        if isinstance(node, dict):
            key = draw(st.sampled_from(sorted(node)) | _KEYS) if node else draw(_KEYS)
            if draw(st.booleans()):
                node.pop(key, None)
            else:
                node[key] = draw(_ANY)
        elif node:
            node[draw(st.integers(0, len(node) - 1))] = draw(_ANY)
    return documents


def _children(node: dict[str, Json] | list[Json]) -> list[dict[str, Json] | list[Json]]:
    values = node.values() if isinstance(node, dict) else node
    return [child for child in values if isinstance(child, dict | list)]


def _source(project: dict[str, Json], others: list[dict[str, Json]]) -> Source:
    policies = from_json(*others) if others else ()
    return Source(from_json(project)[0], policies, {"dem1": policies})


@given(documents=_mutated())
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_project_with_a_few_wrong_values_never_ends_in_an_exception(
    documents: list[dict[str, Json]],
) -> None:
    project, *others = documents
    outcome = pipeline.compile(_source(project, others), (), TODAY)
    assert outcome.ok or not outcome.value.files
    assert list(outcome.findings) == sorted(outcome.findings, key=lambda one: one.sort_key())
    for finding in outcome.findings:
        assert finding.what
        assert finding.why
        assert finding.fix


@given(
    project=st.dictionaries(_KEYS, _ANY, max_size=5),
    others=st.lists(st.dictionaries(_KEYS, _ANY, max_size=5), max_size=4),
)
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_documents_of_any_shape_never_end_in_an_exception(
    project: dict[str, Json], others: list[dict[str, Json]]
) -> None:
    outcome = pipeline.compile(_source(project, others), (), TODAY)
    assert not outcome.ok
    assert outcome.value == pipeline.Compilation({})


def test_a_value_shared_by_an_alias_is_read_as_if_it_were_written_twice() -> None:
    written = "keep: {last: 2}"
    policy = (
        POLICY + f"  - name: second\n    every: 2h\n    copies: [{{storage: other, {written}}}]\n"
    )
    shared = policy.replace(written, "keep: &keep {last: 2}", 1).replace(written, "keep: *keep")
    other = STORAGE.replace("local}", "other}").replace("backup-store", "other-store")
    first, second = (
        pipeline.compile(source(STORAGE, other, text), (), TODAY) for text in (policy, shared)
    )
    assert first.ok
    assert first == second
