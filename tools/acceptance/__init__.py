"""The 21 steps of backup and restore, and the test data: for the demo and the tests."""
