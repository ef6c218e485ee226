"""The api: /metrics for a Prometheus, /healthz for whoever wants to know whether Goalkeeper lives."""
