"""Train classifiers of handwritten digits with several settings."""

from prep import N_CLASS, scale_data
from sklearn.datasets import load_digits
from sklearn.neighbors import KNeighborsClassifier

from mandala_git import Storage, op


@op(output_names=["X", "y"])
def load_data():
    return load_digits(n_class=N_CLASS, return_X_y=True)


@op(output_names=["model"])
def train_model(X, y, n_neighbors, scale):
    if scale:
        X = scale_data(X)
    return KNeighborsClassifier(n_neighbors).fit(X, y)


@op(output_names=["acc"])
def get_acc(model, X, y, scale):
    if scale:
        X = scale_data(X)
    return round(float(model.score(X, y)), 3)


if __name__ == "__main__":
    with Storage() as storage:
        X, y = load_data()
        for scale in (False, True):
            for n_neighbors in (5, 10, 20):
                model = train_model(X, y, n_neighbors, scale)
                acc = get_acc(model, X, y, scale)
                print(f"scale={scale!s:5}  n_neighbors={n_neighbors:2}  accuracy={acc.value}")
    print(f"{storage.executed} calls ran, {storage.found} were found")
