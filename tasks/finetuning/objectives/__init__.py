"""What training minimizes: each objective turns examples into batches and batches into a loss."""
