"""The training service. TensorFlow is imported only inside the functions that need it."""
