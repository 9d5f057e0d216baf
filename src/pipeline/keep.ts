/** Makes a value once for each version of what it is made from; what fails is made again when it is asked for again. */
export function keepByEtag<T>(make: () => Promise<T>): (etag: string) => Promise<T> {
  let kept: { etag: string; value: Promise<T> } | undefined;
  return (etag) => {
    if (kept?.etag === etag) return kept.value;
    const made = { etag, value: make() };
    kept = made;
    made.value.catch(() => {
      if (kept === made) kept = undefined;
    });
    return made.value;
  };
}
