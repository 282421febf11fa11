"""A frozen network's features, computed once, and the linear layer that is solved on them."""
