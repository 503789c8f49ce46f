"""The controller process: wires caches, kinds, leader election and endpoint together."""
