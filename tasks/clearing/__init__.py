"""What may go of a store, a registry and a home, and what something that stays still needs."""
