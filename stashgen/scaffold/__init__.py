"""What ``stashgen init`` writes: a repository's survey, and the first files of a project."""
