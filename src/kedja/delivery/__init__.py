"""What surrounds the code on its way out: images, protection rules, reviews, supply chain. Standard library only."""
