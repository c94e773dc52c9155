"""Objects of a Kubernetes API: one read, one guarded patch. Needs `pip install 'davy[k8s]'`."""
