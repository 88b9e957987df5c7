"""One solution of each exercise. Look here last."""
