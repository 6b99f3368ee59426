"""From a draft to an order: documents looked up, and checked against what a provider can do."""
