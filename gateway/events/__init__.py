"""Event delivery: the hub that wakes subscribers, and the notifier that wakes other gateways."""
