"""Rules of CEL over what was decided for each volume."""
