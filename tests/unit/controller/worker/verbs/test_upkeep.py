"""What upkeep reports of a round that is not over."""

from stashgen_controller.worker.verbs import upkeep


def test_a_result_names_as_many_repositories_as_it_has_room_for() -> None:
    paths = [f"repository/v1/session-{number:02}/dump" for number in range(50)]
    assert upkeep._named(set(paths[:20]), paths) == tuple(paths[:20])
    found = upkeep._named(set(paths), paths)
    assert found == tuple(paths[: len(found)])
    assert 20 < len(found) < 50
