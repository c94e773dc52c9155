"""What does the evidence say of each metric? One small class per way of looking and of testing."""
