import { describe, expect, it } from "vitest";
import { sumDatabase } from "../../../test/fixtures/sum-database.ts";
import { err, fault, ok } from "../../core/index.ts";
import { lookUpSum, type ReadSumdb } from "./sumdb.ts";

const wanted = { path: "example.org/tool", version: "v1.2.3" };
const records = (count: number, at: number) =>
  Array.from({ length: count }, (_, number) => {
    const [path, version] = number === at ? [wanted.path, wanted.version] : [`example.org/m${number}`, "v1.0.0"];
    return {
      module: `${path}@${version}`,
      text: `${path} ${version} h1:sum${number}\n${path} ${version}/go.mod h1:x\n`,
    };
  });
const reading =
  (
    database: ReturnType<typeof sumDatabase>,
    change: (path: string, bytes: Buffer) => Buffer = (_, bytes) => bytes,
  ): ReadSumdb =>
  async (path) => {
    const bytes = database.read(path);
    return bytes ? ok(change(path, bytes)) : err(fault("unavailable", `${path} answers 404`));
  };

describe("the checksum database", () => {
  it.each([
    [1, 0],
    [2, 1],
    [3, 2],
    [7, 3],
    [256, 255],
    [257, 256],
    [300, 17],
    [1000, 999],
    [70_000, 65_536],
  ])("proves record %i of a tree, at %i", async (size, at) => {
    const database = sumDatabase("sum.example", records(size, at));
    expect(await lookUpSum(reading(database), database.key, wanted)).toEqual(ok(`h1:sum${at}`));
  });

  it.each<[string, (path: string, bytes: Buffer) => Buffer]>([
    ["another sum in the record", (path, bytes) => replaced(path, bytes, "h1:sum5", "h1:evil")],
    [
      "another number of the record",
      (path, bytes) => (path.startsWith("/lookup") ? Buffer.from(bytes.toString().replace(/^5/, "6")) : bytes),
    ],
    ["a tree head of another size", (path, bytes) => replaced(path, bytes, "tree\n300\n", "tree\n301\n")],
    ["a tile with one bit turned", (path, bytes) => (path.startsWith("/tile/8/0/") ? turned(bytes, 40) : bytes)],
    ["a tile that is too short", (path, bytes) => (path.startsWith("/tile") ? bytes.subarray(32) : bytes)],
    [
      "a signature with one bit turned",
      (path, bytes) => (path.startsWith("/lookup") ? turned(bytes, bytes.length - 20) : bytes),
    ],
    [
      "no signature",
      (path, bytes) => (path.startsWith("/lookup") ? bytes.subarray(0, bytes.lastIndexOf("— ")) : bytes),
    ],
    ["nothing", () => Buffer.alloc(0)],
  ])("refuses %s", async (_, change) => {
    const database = sumDatabase("sum.example", records(300, 5));
    const found = await lookUpSum(reading(database, change), database.key, wanted);
    expect(found.ok === false && found.error.code).toBe("corrupt");
  });

  it("believes its own key only", async () => {
    const [database, other] = [sumDatabase("sum.example", records(9, 5)), sumDatabase("sum.example", records(9, 5))];
    const found = await lookUpSum(reading(database), other.key, wanted);
    expect(found.ok === false && found.error.message).toContain("its tree head is not signed by sum.example");
  });

  it("passes on what cannot be read", async () => {
    const database = sumDatabase("sum.example", records(9, 5));
    const found = await lookUpSum(reading(database), database.key, { ...wanted, version: "v9.9.9" });
    expect(found.ok === false && found.error.code).toBe("unavailable");
  });
});

function replaced(path: string, bytes: Buffer, from: string, to: string): Buffer {
  return path.startsWith("/lookup") ? Buffer.from(bytes.toString().replace(from, to)) : bytes;
}

function turned(bytes: Buffer, at: number): Buffer {
  const copy = Buffer.from(bytes);
  copy[at] = (copy[at] ?? 0) ^ 1;
  return copy;
}
