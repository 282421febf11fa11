"""Search over hyper-parameters, and the check of what it found."""
