import type { TarEntry } from "./tar.ts";

/** S-1-5-32-544, the administrators' group, as Windows writes a security identifier. */
function administrators(): Buffer {
  const sid = Buffer.from([1, 2, 0, 0, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0, 0]);
  sid.writeUInt32LE(32, 8);
  sid.writeUInt32LE(544, 12);
  return sid;
}

/** A self-relative security descriptor: owner and group are the administrators, no list restricts anybody. */
function securityDescriptor(): string {
  const head = Buffer.alloc(20);
  head.writeUInt8(1, 0);
  head.writeUInt16LE(0x8000, 2);
  head.writeUInt32LE(20, 4);
  head.writeUInt32LE(36, 8);
  return Buffer.concat([head, administrators(), administrators()]).toString("base64");
}

/** OCI image-spec, layer.md: `MSWINDOWS.rawsd`, `MSWINDOWS.fileattr` (16 folder, 32 file); everything below `Files/`. */
export function windowsEntries(entries: readonly TarEntry[]): readonly TarEntry[] {
  const rawsd = securityDescriptor();
  const open = async () => {
    throw new Error("a folder has no bytes");
  };
  const folder = { kind: "folder", mode: 0o755, uid: 0, gid: 0, size: 0, target: "", open } as const;
  const tops: readonly TarEntry[] = ["Files/", "Hives/"].map((path) => ({ ...folder, path }));
  const below = entries.map((entry) => ({ ...entry, path: `Files/${entry.path}` }));
  return [...tops.slice(0, 1), ...below, ...tops.slice(1)].map((entry) => ({
    ...entry,
    pax: { "MSWINDOWS.fileattr": entry.kind === "folder" ? "16" : "32", "MSWINDOWS.rawsd": rawsd },
  }));
}
