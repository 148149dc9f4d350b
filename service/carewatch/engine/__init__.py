"""Drives the processors exactly once on Kafka (aiokafka); knows neither Faust nor the domain."""
