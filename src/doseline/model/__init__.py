"""What is claimed about a drug: model files, read and checked."""
