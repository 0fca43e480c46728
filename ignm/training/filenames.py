"""What the files of a checkpoint, and of a study's best/, are called."""

NETWORKS, AVERAGE, STATE = "networks.safetensors", "generator_ema.safetensors", "state.pt"
"""Of a checkpoint: both networks as they are trained, the averaged generator, all else that training goes on from."""
BEST = "best"
WEIGHTS, CONFIG, EVIDENCE = "generator.safetensors", "config.yaml", "evidence.json"
"""Where a study keeps its winner, and of that folder: the winner's averaged generator, its config, how it won."""
