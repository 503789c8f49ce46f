"""One Job block out of several, from the general to the special."""

from stashgen.policy.shared import Job

# What a Job needs to read a volume says nothing about the Jobs of a storage.
_OF_VOLUMES = frozenset({"run_as", "resources"})


def merge(*blocks: Job | None) -> Job:
    """Each field from the last block that has it."""
    fields: dict[str, object] = {}
    for block in blocks:
        if block is not None:
            fields |= {name: getattr(block, name) for name in block.model_fields_set}
    return Job().model_copy(update=fields)


def for_storage(defaults: Job | None, own: Job | None) -> Job:
    """The Job block of a storage: the project's without the user and resources of volumes."""
    if defaults is not None:
        update = dict.fromkeys(_OF_VOLUMES)
        defaults = defaults.model_copy(update=update)
    return merge(defaults, own)
