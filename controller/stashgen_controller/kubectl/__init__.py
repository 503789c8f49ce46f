"""``kubectl stashgen VERB``: what people do and see at a terminal, with their own rights."""
