"""The findings of a command as other programs read them: a module a format, text out."""
