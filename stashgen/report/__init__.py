"""What a project comes to, for people: answers about the whole result of a compile."""
