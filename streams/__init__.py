"""davy: tells from live events whether a new model version may take more traffic, and moves it."""
