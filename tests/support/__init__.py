"""What several tests share: running `fuse`, making inputs, and readers and a reference of their own."""
