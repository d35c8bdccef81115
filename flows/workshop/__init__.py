"""What every flow works with: settings, and the parts that are opened from them."""
