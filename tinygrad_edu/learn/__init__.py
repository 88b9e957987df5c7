"""The engine shows its own work: pictures of graphs, and what is wrong with a training."""
