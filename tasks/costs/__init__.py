"""What requests cost, by version and tenant; the days ahead; what a cap would have refused."""
