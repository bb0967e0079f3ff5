"""What building a network needs of Keras and Keras does not offer: names that begin anew.

tests/models/networks/test_keras_internals.py fails first when another version of Keras has them otherwise.
"""

from keras.src.utils.naming import reset_uids


def begin_names_anew() -> None:
    """Lets the next layer of a kind be named as the first one of the process was: `dense`, not `dense_7`."""
    reset_uids()
