"""Random variation of training images, a whole batch at once."""
