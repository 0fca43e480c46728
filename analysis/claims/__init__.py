"""Claims stated before anything is measured, and what became of them."""
