"""``kubectl stashgen VERB``: backups at the terminal, with the user's own permissions."""
