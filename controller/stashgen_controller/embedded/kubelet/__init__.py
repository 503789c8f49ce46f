"""What a kubelet does: pods as local processes, folders as volumes."""
