import { createHash, createPublicKey, verify } from "node:crypto";
import { err, fault, ok, type Result } from "../../core/index.ts";

/** How bytes of the checksum database are read: a path below its address, bounded. */
export type ReadSumdb = (path: string) => Promise<Result<Buffer>>;

/** The public key of sum.golang.org, as every go command has it built in. */
export const golangSumKey = "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8";

const ed25519Prefix = Buffer.from("302a300506032b6570032100", "hex");
const tileHeight = 8;

/**
 * The sum `h1:…` of a module's archive, from the checksum database: the record must be included, by a Merkle proof, in
 * the tree whose head the database signed (Go's module reference: "checksum database"; RFC 6962). Whoever serves the
 * bytes need not be trusted. Fault `corrupt` when anything does not fit, else what reading answered.
 */
export async function lookUpSum(
  read: ReadSumdb,
  key: string,
  module: { readonly path: string; readonly version: string },
): Promise<Result<string>> {
  const looked = await read(`/lookup/${module.path}@${module.version}`);
  if (!looked.ok) return looked;
  const text = looked.value.toString("utf8");
  const blank = text.indexOf("\n\n");
  const lines = text.slice(0, blank + 1).split("\n");
  const id = Number(lines[0]);
  const record = `${lines.slice(1, -1).join("\n")}\n`;
  const head = readHead(text.slice(blank + 2), key);
  if (!head.ok) return head;
  const { size, root } = head.value;
  if (blank < 0 || !Number.isSafeInteger(id) || id < 0 || id >= size) return err(corrupt("its answer has no record"));
  const proved = await proveRecord(read, id, leafHash(record), size, root);
  if (!proved.ok) return proved;
  const prefix = `${module.path} ${module.version} `;
  const sum = record.split("\n").find((line) => line.startsWith(prefix));
  return sum === undefined ? err(corrupt("its record is about another module")) : ok(sum.slice(prefix.length));
}

interface TreeHead {
  readonly size: number;
  readonly root: Buffer;
}

/** A signed note: text, blank line, lines `— name base64(key id, signature)`. */
function readHead(note: string, key: string): Result<TreeHead> {
  const split = note.lastIndexOf("\n\n");
  const text = note.slice(0, split + 1);
  const [name = "", keyId = "", encoded = ""] = key.split("+", 3).length === 3 ? splitKey(key) : [];
  const raw = Buffer.from(encoded, "base64");
  if (raw.length !== 33 || raw[0] !== 1) return err(corrupt("its key is not one of Ed25519"));
  const publicKey = createPublicKey({
    key: Buffer.concat([ed25519Prefix, raw.subarray(1)]),
    format: "der",
    type: "spki",
  });
  const signed = note
    .slice(split + 2)
    .split("\n")
    .some((line) => {
      const [, by, signature = ""] = /^— (\S+) (\S+)$/.exec(line) ?? [];
      const bytes = Buffer.from(signature, "base64");
      if (by !== name || bytes.subarray(0, 4).toString("hex") !== keyId) return false;
      return verify(null, Buffer.from(text), publicKey, bytes.subarray(4));
    });
  if (!signed) return err(corrupt(`its tree head is not signed by ${name}`));
  const [what, size = "", root = ""] = text.split("\n");
  const hash = Buffer.from(root, "base64");
  if (what !== "go.sum database tree" || !/^\d{1,15}$/.test(size) || hash.length !== 32)
    return err(corrupt("its tree head cannot be read"));
  return ok({ size: Number(size), root: hash });
}

/** `name+hash+base64`, whose last part may hold `+` itself. */
function splitKey(key: string): readonly string[] {
  const first = key.indexOf("+");
  const second = key.indexOf("+", first + 1);
  return [key.slice(0, first), key.slice(first + 1, second), key.slice(second + 1)];
}

/** Follows the leaf up to the root with the hashes of its neighbours, and compares it with the signed one. */
async function proveRecord(
  read: ReadSumdb,
  index: number,
  leaf: Buffer,
  size: number,
  root: Buffer,
): Promise<Result<void>> {
  const tiles = createTiles(read, size);

  /** Hash of the leaves `[low, high)`, our own leaf's path computed from `leaf`, everything else read. */
  async function hashOfRange(low: number, high: number): Promise<Result<Buffer>> {
    if (index < low || index >= high) return await hashRead(low, high);
    if (high - low === 1) return ok(leaf);
    const middle = low + largestPowerBelow(high - low);
    const left = await hashOfRange(low, middle);
    if (!left.ok) return left;
    const right = await hashOfRange(middle, high);
    return right.ok ? ok(nodeHash(left.value, right.value)) : right;
  }

  async function hashRead(low: number, high: number): Promise<Result<Buffer>> {
    const count = high - low;
    if (Number.isInteger(Math.log2(count))) return await tiles.hash(Math.log2(count), low / count);
    const middle = low + largestPowerBelow(count);
    const left = await hashRead(low, middle);
    if (!left.ok) return left;
    const right = await hashRead(middle, high);
    return right.ok ? ok(nodeHash(left.value, right.value)) : right;
  }

  const computed = await hashOfRange(0, size);
  if (!computed.ok) return computed;
  return computed.value.equals(root) ? ok(undefined) : err(corrupt("its record is not in the tree that it signed"));
}

/** Hashes of whole subtrees, from tiles of eight levels each. */
function createTiles(read: ReadSumdb, size: number) {
  const known = new Map<string, Promise<Result<Buffer>>>();

  function tile(level: number, number: number): Promise<Result<Buffer>> {
    const whole = Math.floor(size / 2 ** (tileHeight * level));
    const width = Math.min(2 ** tileHeight, whole - number * 2 ** tileHeight);
    const path = `/tile/${tileHeight}/${level}/${tilePath(number)}${width < 2 ** tileHeight ? `.p/${width}` : ""}`;
    const reading =
      known.get(path) ??
      read(path).then((answer) =>
        answer.ok && answer.value.length !== width * 32 ? err(corrupt(`its tile ${path} has a wrong size`)) : answer,
      );
    known.set(path, reading);
    return reading;
  }

  return {
    hash: async (level: number, index: number): Promise<Result<Buffer>> => {
      const tileLevel = Math.floor(level / tileHeight);
      const below = level - tileLevel * tileHeight;
      const first = index * 2 ** below;
      const number = Math.floor(first / 2 ** tileHeight);
      const bytes = await tile(tileLevel, number);
      if (!bytes.ok) return bytes;
      const offset = first - number * 2 ** tileHeight;
      let hashes = Array.from({ length: 2 ** below }, (_, at) =>
        bytes.value.subarray((offset + at) * 32, (offset + at + 1) * 32),
      );
      if (hashes.some((hash) => hash.length !== 32)) return err(corrupt("its tile is too short"));
      while (hashes.length > 1)
        hashes = Array.from({ length: hashes.length / 2 }, (_, at) =>
          nodeHash(hashes[2 * at] ?? Buffer.alloc(0), hashes[2 * at + 1] ?? Buffer.alloc(0)),
        );
      return ok(hashes[0] ?? Buffer.alloc(0));
    },
  };
}

/** `x001/x234/067` for 1234067. */
function tilePath(number: number): string {
  const digits = String(number).padStart(Math.ceil(String(number).length / 3) * 3, "0");
  const groups = digits.match(/\d{3}/g) ?? [];
  return groups.map((group, at) => (at === groups.length - 1 ? group : `x${group}`)).join("/");
}

function largestPowerBelow(count: number): number {
  return 2 ** (Math.ceil(Math.log2(count)) - 1);
}

function leafHash(record: string): Buffer {
  return createHash("sha256")
    .update(Buffer.from([0]))
    .update(record)
    .digest();
}

function nodeHash(left: Buffer, right: Buffer): Buffer {
  return createHash("sha256")
    .update(Buffer.from([1]))
    .update(left)
    .update(right)
    .digest();
}

function corrupt(why: string) {
  return fault("corrupt", `the checksum database cannot be believed: ${why}`);
}
