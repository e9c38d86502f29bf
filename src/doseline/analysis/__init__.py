"""What levels mean: exposure, from a Dataset alone."""
