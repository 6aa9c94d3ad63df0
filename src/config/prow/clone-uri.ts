/** Prow 1.2: what stands before an `@` is not looked at; the rest must read as an address. */
export function isCloneUri(uri: string): boolean {
  const rest = uri.slice(uri.lastIndexOf("@") + 1);
  if (uri.length > 2000 || uri.startsWith("-") || /\s/.test(uri)) return false;
  return URL.canParse(uri) || /^[\w.-]+[:/][^-]/.test(rest);
}
