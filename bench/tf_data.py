"""Prints the records per second of a pass over the float16 shards of a folder by tf.data, shuffled, batched and decoded."""
import glob
import os
import sys
import time

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
import tensorflow as tf

FEATURES = {"signal": tf.io.FixedLenFeature([], tf.string), "label": tf.io.FixedLenFeature([], tf.int64)}


def decode(serialized):
    parsed = tf.io.parse_example(serialized, FEATURES)
    signal = tf.reshape(tf.io.decode_raw(parsed["signal"], tf.float16), [-1, 3, 4096])
    return tf.cast(signal, tf.float32), tf.cast(parsed["label"], tf.float32)


files = sorted(glob.glob(sys.argv[1] + "/*.tfrecord"))
dataset = (
    tf.data.TFRecordDataset(files, num_parallel_reads=tf.data.AUTOTUNE)
    .shuffle(50_000)
    .batch(64)
    .map(decode, num_parallel_calls=tf.data.AUTOTUNE)
    .prefetch(tf.data.AUTOTUNE)
)
for _ in dataset.take(1):
    pass
start = time.perf_counter()
count = 0
for signal, _ in dataset:
    count += len(signal)
print(count / (time.perf_counter() - start))
