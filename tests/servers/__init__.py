"""Real servers for tests and developers: started on free loopback ports, or named by the environment."""
