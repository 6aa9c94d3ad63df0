/** ISO 8601 UTC; null stays null. */
export function iso(at: number): string;
export function iso(at: number | null): string | null;
export function iso(at: number | null): string | null {
  return at === null ? null : new Date(at).toISOString();
}

export function shortCommit(commit: string): string {
  return commit.slice(0, 7);
}

/** `1 change`, `3 changes`. */
export function counted(n: number, one: string, many = `${one}s`): string {
  return `${n.toLocaleString("en")} ${n === 1 ? one : many}`;
}

/** A word of a command line as a POSIX shell takes it back. */
export function shellWord(text: string): string {
  return /^[A-Za-z0-9_@%+=:,./~-]+$/.test(text) && !text.startsWith("~") ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

/** Paths of pages; names of strangers are encoded. */
export const pagePath = {
  component: (name: string) => `/components/${encodeURIComponent(name)}`,
  change: (component: string, number: number) => `/changes/${encodeURIComponent(component)}/${number}`,
  run: (id: string) => `/runs/${encodeURIComponent(id)}`,
  release: (id: string) => `/releases/${encodeURIComponent(id)}`,
  registries: "/registries",
  pinSet: (id: string) => `/pin-sets/${encodeURIComponent(id)}`,
  why: (subject: string) => `/why?subject=${encodeURIComponent(subject)}`,
};
