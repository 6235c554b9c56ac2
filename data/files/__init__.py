"""Files and their text: encodings, strict JSON, digests, writing whole or not at all."""
