"""HTTP messages: requests and responses, and the syntax of their URLs and headers."""
