"""Comparing models: which one, by how much, how sure. Training itself runs in processes of its own."""
