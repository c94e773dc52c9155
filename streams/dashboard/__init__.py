"""What do people see of rollouts, and how do they steer them? A JSON API, and the page on it."""
