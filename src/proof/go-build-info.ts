/** What the Go linker wrote into a binary about what it is made of. */
export interface GoBuildInfo {
  /** `go1.26.8`. */
  readonly goVersion: string;
  /** Import path of the main package. */
  readonly path: string;
  readonly main: GoModule | undefined;
  readonly dependencies: readonly GoModule[];
  /** `-trimpath`, `GOOS`, `vcs.revision`, … */
  readonly settings: Readonly<Record<string, string>>;
}

export interface GoModule {
  readonly path: string;
  readonly version: string;
  /** `h1:…`; empty for the main module and for folders put in a module's place. */
  readonly sum: string;
  /** What stands in its place (a `replace` of go.mod). */
  readonly replacedBy: { readonly path: string; readonly version: string; readonly sum: string } | undefined;
}

const magic = Buffer.from([0xff, ...Buffer.from(" Go buildinf:")]);
const headerSize = 32;
const alignment = 16;
const longestText = 8 * 1024 * 1024;
const mostModules = 10_000;
const mostSections = 2_000;

/**
 * Reads the build information of an executable (Go 1.18 and later: texts stand in the file itself; debug/buildinfo). It is
 * looked for where the linker puts it, the section of that name or else the data of the program, never in all of the
 * file, where a program that reads build information has the same bytes as a constant. `undefined`: none, or not
 * readable; whatever the header says, nothing outside `file` is read and the result is bounded.
 */
export function readGoBuildInfo(file: Uint8Array): GoBuildInfo | undefined {
  const bytes = Buffer.from(file.buffer, file.byteOffset, file.byteLength);
  for (const { start, size } of dataOf(bytes)) {
    if (start < 0 || start >= bytes.length) continue;
    const found = searchIn(bytes.subarray(start, Math.min(start + size, bytes.length)));
    if (found) return found;
  }
  return undefined;
}

function searchIn(data: Buffer): GoBuildInfo | undefined {
  for (let at = data.indexOf(magic); at >= 0; at = data.indexOf(magic, at + 1)) {
    if (at % alignment !== 0 || at + headerSize > data.length) continue;
    const textInline = ((data[at + 15] ?? 0) & 2) !== 0;
    if (!textInline) continue;
    const version = textAt(data, at + headerSize);
    const modules = version && textAt(data, version.end);
    if (version && modules) return parseModules(version.text, modules.text);
  }
  return undefined;
}

/** A text with its length before it as a varint of 7 bits a byte. */
function textAt(data: Buffer, start: number): { readonly text: string; readonly end: number } | undefined {
  let length = 0;
  let at = start;
  for (let shift = 0; shift <= 28; shift += 7) {
    const byte = data[at++];
    if (byte === undefined) return undefined;
    length += (byte & 0x7f) * 2 ** shift;
    if (byte < 0x80) {
      if (length > longestText || at + length > data.length) return undefined;
      return { text: data.toString("utf8", at, at + length), end: at + length };
    }
  }
  return undefined;
}

/** The module text stands between two marks of 16 bytes, its lines are words with tabs between. */
function parseModules(goVersion: string, marked: string): GoBuildInfo | undefined {
  if (!goVersion.startsWith("go") && !goVersion.startsWith("devel")) return undefined;
  const begin = marked.indexOf("path\t");
  const text = begin < 0 ? "" : marked.slice(begin, Math.max(begin, marked.lastIndexOf("\n") + 1));
  let path = "";
  let main: GoModule | undefined;
  const dependencies: GoModule[] = [];
  const settings: Record<string, string> = {};
  for (const line of text.split("\n")) {
    const [word, ...rest] = line.split("\t");
    if (word === "path") path = rest[0] ?? "";
    else if (word === "mod") main = moduleOf(rest);
    else if (word === "dep" && dependencies.length < mostModules) dependencies.push(moduleOf(rest));
    else if (word === "=>") {
      const replaced = dependencies.pop();
      if (replaced) dependencies.push({ ...replaced, replacedBy: moduleOf(rest) });
    } else if (word === "build") {
      const [key = "", ...value] = (rest[0] ?? "").split("=");
      if (key !== "" && Object.keys(settings).length < 200) settings[key] = value.join("=");
    }
  }
  return { goVersion, path, main, dependencies, settings };
}

function moduleOf(words: readonly string[]): GoModule {
  const [path = "", version = "", sum = ""] = words;
  return { path, version, sum, replacedBy: undefined };
}

interface Range {
  readonly start: number;
  readonly size: number;
}

/** Where the format puts initialised data; the section that the linker names for it first. */
function dataOf(bytes: Buffer): readonly Range[] {
  try {
    if (bytes.length < 64) return [];
    const first = bytes.readUInt32BE(0);
    if (first === 0x7f454c46) return elfData(bytes);
    if (bytes.readUInt16LE(0) === 0x5a4d) return peData(bytes);
    if (first === 0xcffaedfe || first === 0xcefaedfe) return machoData(bytes);
    return [];
  } catch (error) {
    // A header that points outside the file.
    if (error instanceof RangeError) return [];
    throw error;
  }
}

function elfData(bytes: Buffer): readonly Range[] {
  const wide = bytes[4] === 2;
  const little = bytes[5] === 1;
  const u16 = (at: number) => (little ? bytes.readUInt16LE(at) : bytes.readUInt16BE(at));
  const u32 = (at: number) => (little ? bytes.readUInt32LE(at) : bytes.readUInt32BE(at));
  const u64 = (at: number) => Number(little ? bytes.readBigUInt64LE(at) : bytes.readBigUInt64BE(at));
  const word = (at32: number, at64: number) => (wide ? u64(at64) : u32(at32));
  const sections = word(0x20, 0x28);
  const sectionSize = u16(wide ? 0x3a : 0x2e);
  const count = Math.min(u16(wide ? 0x3c : 0x30), mostSections);
  const names = u16(wide ? 0x3e : 0x32);
  const sectionAt = (index: number) => {
    const at = sections + index * sectionSize;
    return { name: u32(at), start: word(at + 0x10, at + 0x18), size: word(at + 0x14, at + 0x20) };
  };
  const found: Range[] = [];
  if (sections > 0 && count > 0 && names < count) {
    const table = sectionAt(names);
    for (let index = 0; index < count; index++) {
      const section = sectionAt(index);
      const name = bytes.toString("latin1", table.start + section.name, table.start + section.name + 15);
      if (name.startsWith(".go.buildinfo\0")) found.push(section);
    }
  }
  const segments = word(0x1c, 0x20);
  const segmentSize = u16(wide ? 0x36 : 0x2a);
  const segmentCount = Math.min(u16(wide ? 0x38 : 0x2c), mostSections);
  for (let index = 0; index < segmentCount; index++) {
    const at = segments + index * segmentSize;
    const flags = u32(at + (wide ? 4 : 0x18));
    const loaded = u32(at) === 1;
    const writable = (flags & 3) === 2;
    if (loaded && writable) found.push({ start: word(at + 4, at + 8), size: word(at + 0x10, at + 0x20) });
  }
  return found;
}

function peData(bytes: Buffer): readonly Range[] {
  const header = bytes.readUInt32LE(0x3c);
  if (bytes.readUInt32BE(header) !== 0x50450000) return [];
  const count = Math.min(bytes.readUInt16LE(header + 6), mostSections);
  const sections = header + 24 + bytes.readUInt16LE(header + 20);
  const found: Range[] = [];
  for (let index = 0; index < count; index++) {
    const at = sections + index * 40;
    const characteristics = bytes.readUInt32LE(at + 36);
    const writable = characteristics >= 0x8000_0000;
    const initialised = (characteristics & 0x40) !== 0;
    if (writable && initialised) found.push({ start: bytes.readUInt32LE(at + 20), size: bytes.readUInt32LE(at + 16) });
  }
  return found;
}

function machoData(bytes: Buffer): readonly Range[] {
  const wide = bytes.readUInt32BE(0) === 0xcffaedfe;
  const commands = Math.min(bytes.readUInt32LE(16), mostSections);
  const found: Range[] = [];
  const rest: Range[] = [];
  let at = wide ? 32 : 28;
  for (let index = 0; index < commands; index++) {
    const kind = bytes.readUInt32LE(at);
    const size = bytes.readUInt32LE(at + 4);
    if (kind === (wide ? 0x19 : 1) && bytes.toString("latin1", at + 8, at + 15) === "__DATA\0") {
      const sections = Math.min(bytes.readUInt32LE(at + (wide ? 64 : 48)), mostSections);
      for (let each = 0; each < sections; each++) {
        const section = at + (wide ? 72 : 56) + each * (wide ? 80 : 68);
        const range = wide
          ? { start: bytes.readUInt32LE(section + 48), size: Number(bytes.readBigUInt64LE(section + 40)) }
          : { start: bytes.readUInt32LE(section + 40), size: bytes.readUInt32LE(section + 36) };
        const named = bytes.toString("latin1", section, section + 16).startsWith("__go_buildinfo");
        (named ? found : rest).push(range);
      }
    }
    if (size < 8) break;
    at += size;
  }
  return [...found, ...rest];
}
