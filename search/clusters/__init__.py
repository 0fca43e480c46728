"""Clusters: checking the file that describes one, and the nodes of one that runs."""
