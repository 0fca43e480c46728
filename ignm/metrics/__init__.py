"""What is measured of a generator: extractors, references, distances, precision and recall, memorisation, leaks."""
