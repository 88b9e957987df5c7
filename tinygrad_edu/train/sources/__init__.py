"""What recipes train on: files that are found, fetched or made up."""
