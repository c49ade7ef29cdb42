"""What the embedded API holds, as manifests that go into a real cluster by `kubectl apply --server-side`."""
