"""Preparation of the data: plain Python, nothing here knows that results are kept."""

from sklearn.preprocessing import StandardScaler

N_CLASS = 10


def scale_data(X):
    """Centre every pixel."""
    return StandardScaler(with_mean=True, with_std=False).fit_transform(X)
