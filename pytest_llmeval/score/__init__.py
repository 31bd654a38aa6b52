"""Wing two: what is the answer worth?"""
