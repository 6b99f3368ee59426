"""HTTP client of the adapters: retries, circuit breaker, deadline, metering and transports."""
