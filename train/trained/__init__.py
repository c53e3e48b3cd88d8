"""What becomes of a trained model: measured on any data set, compared with another, asked about single pictures."""
