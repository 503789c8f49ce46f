"""The controller process: wires caches, kinds, election and endpoint together."""
