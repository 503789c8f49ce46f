"""The paths of emitted lines are those of the values in the document."""

from collections.abc import Iterator

from hypothesis import given
from hypothesis import strategies as st

from stashgen.yaml.emitter import emit
from stashgen.yaml.lines import line_paths, line_value

_KEYS = st.from_regex(r"[a-z][a-zA-Z0-9./-]{0,6}", fullmatch=True)
_LEAVES = st.one_of(
    st.integers(), st.booleans(), st.text(max_size=8), st.just("a: b"), st.just("x\n  y: 1\n")
)
_DOCUMENTS = st.recursive(
    _LEAVES,
    lambda inner: st.one_of(
        st.dictionaries(_KEYS, inner, min_size=1, max_size=4),
        st.lists(inner, min_size=1, max_size=4),
    ),
    max_leaves=20,
)


def _leaves(node: object, path: str = "") -> Iterator[str]:
    match node:
        case dict() if node:
            for key, value in node.items():
                yield from _leaves(value, f"{path}.{key}" if path else key)
        case list() if node:
            for value in node:
                yield from _leaves(value, f"{path}[]")
        case _:
            yield path


@given(st.dictionaries(_KEYS, _DOCUMENTS, min_size=1, max_size=4))
def test_every_value_is_on_a_line_of_its_path(document: dict[str, object]) -> None:
    lines = emit(document).split("\n")[:-1]
    paths = line_paths(lines)
    assert len(paths) == len(lines)
    of_values = [path for path, line in zip(paths, lines, strict=True) if line_value(line)]
    # A text with line breaks has several lines.
    assert list(dict.fromkeys(of_values)) == list(dict.fromkeys(_leaves(document)))


def test_a_list_item_and_the_key_after_the_list() -> None:
    lines = ["spec:", "  args:", "  - --a=1", "  - name: x", "    value: y", "  image: z"]
    assert line_paths(lines) == [
        "spec", "spec.args", "spec.args[]", "spec.args[].name", "spec.args[].value", "spec.image",
    ]  # fmt: skip
    assert [line_value(line) for line in lines] == ["", "", "--a=1", "x", "y", "z"]
