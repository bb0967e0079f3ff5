"""The use of Keras' internals to build a network: names of layers that begin anew.

tests/models/networks/test_keras_internals.py fails first when another version of Keras changes them.
"""

from keras.src.utils.naming import reset_uids


def begin_names_anew() -> None:
    """Has the next layer of each kind named as the first one of a process is: `dense`, not `dense_7`."""
    reset_uids()
