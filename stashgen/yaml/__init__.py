"""YAML with positions: documents, reader, emitter."""
