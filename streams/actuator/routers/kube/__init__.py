"""Objects of a Kubernetes API: one read, one guarded patch. Needs the extra `k8s`."""
