"""Fine-tuning: a base model and a snapshot in, merged weights and their adapter out."""
