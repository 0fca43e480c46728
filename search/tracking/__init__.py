"""Where trials are shown beside the study's own folder: TensorBoard, MLflow, Weights & Biases."""
