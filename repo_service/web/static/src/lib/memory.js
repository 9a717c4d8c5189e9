// What this browser remembers for its reader. A browser that forbids storage only forgets.
export function recall(key) {
  try {
    return localStorage.getItem(`xuehai:${key}`);
  } catch {
    return null;
  }
}

export function keep(key, value) {
  try {
    localStorage.setItem(`xuehai:${key}`, value);
  } catch {
    // private mode or full: nothing depends on it
  }
}
