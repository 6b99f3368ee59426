"""HTTP client of the adapters: the one door out, with its retries, circuit breaker, deadline and transport."""
