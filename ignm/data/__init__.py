"""Images in: sources, the decoded memory-mapped cache, the embedded dataset, labels, quality, degradations."""
