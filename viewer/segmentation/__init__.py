"""Models that make labelmaps: their cards, inference, training, evaluation and a look at data sets."""
