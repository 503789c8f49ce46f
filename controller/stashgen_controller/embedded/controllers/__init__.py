"""What kube-controller-manager does: CronJobs, Jobs, garbage collection, ServiceAccounts."""
