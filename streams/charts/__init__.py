"""What do davy's own pages share? Frames, scales and marks of drawings in SVG, and their look."""
