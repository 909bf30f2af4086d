"""Losses made on purpose, so that the campaign can be seen to notice them."""
from client import Client


def delete(scene):
    """A key that nobody deletes is deleted behind everybody's back."""
    _at_a_resting_key(scene, lambda key: ["DEL", key])


def overwrite(scene):
    """A key that nobody writes has another value."""
    _at_a_resting_key(scene, lambda key: ["SET", key, "planted"])


def _at_a_resting_key(scene, words):
    scene.wait_for_moment()
    client = Client(scene.cluster.primaries, 5, 10)
    key = scene.rng.choice([one for one in scene.resting if one.ends_at is None])
    client.run(key.slot, words(key.name), True)
    scene.note(f"planted at {key.name.decode()}")
