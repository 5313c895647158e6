"""What odqa learns from questions whose evidence is known."""
