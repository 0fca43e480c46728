"""What is measured of a generator: extractors, references, the Frechet distance, diversity."""
