"""What goes wrong in adversarial training, made measurable: defects by name, divergence, convergence."""
