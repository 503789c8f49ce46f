"""Our client-go: the API client, informers, leader election, events and clocks."""
