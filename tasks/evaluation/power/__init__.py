"""What a policy's gates can tell, before anybody trains: power, and the policy's own test."""
