"""May it have more traffic? davy's answer for controllers that move traffic themselves and ask."""
