"""Evidence that takes several steps: what a question needs beside what it names."""
