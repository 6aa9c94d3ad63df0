import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readGoBuildInfo } from "./go-build-info.ts";

const modules = [
  "path\texample.invalid/tower/cmd/lamp",
  "mod\texample.invalid/tower\tv1.2.0\t",
  "dep\texample.invalid/lens\tv0.3.1\th1:abc=",
  "dep\texample.invalid/old\tv1.0.0\th1:old=",
  "=>\texample.invalid/new\tv1.1.0\th1:new=",
  "build\t-trimpath=true",
  "build\tvcs.revision=0123",
  "",
].join("\n");

function varint(value: number): Buffer {
  const bytes: number[] = [];
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return Buffer.from([...bytes, rest]);
    bytes.push((rest % 128) + 128);
  }
}

/** As the linker writes it: a header of 32 bytes, the version, and the modules between two marks of 16 bytes. */
function blob(text = modules): Buffer {
  const header = Buffer.alloc(32);
  header[0] = 0xff;
  header.write(" Go buildinf:", 1, "latin1");
  header[14] = 8;
  header[15] = 2;
  const marked = Buffer.from(`${"\u0001".repeat(16)}${text}${"\u0002".repeat(16)}`);
  const version = Buffer.from("go1.26.8");
  return Buffer.concat([header, varint(version.length), version, varint(marked.length), marked]);
}

/** An ELF of 64 bits, little-endian, with one section of the given name and one segment. */
function elf(data: Buffer, name = ".go.buildinfo", writable = false): Buffer {
  const names = Buffer.from(`\0${name}\0.shstrtab\0`);
  const dataAt = 0x100;
  const namesAt = dataAt + data.length;
  const sectionsAt = namesAt + names.length;
  const file = Buffer.alloc(sectionsAt + 3 * 64);
  file.writeUInt32BE(0x7f454c46, 0);
  file.set([2, 1, 1], 4);
  file.writeBigUInt64LE(64n, 0x20);
  file.writeBigUInt64LE(BigInt(sectionsAt), 0x28);
  file.writeUInt16LE(56, 0x36);
  file.writeUInt16LE(1, 0x38);
  file.writeUInt16LE(64, 0x3a);
  file.writeUInt16LE(3, 0x3c);
  file.writeUInt16LE(2, 0x3e);
  file.writeUInt32LE(1, 64);
  file.writeUInt32LE(writable ? 6 : 5, 68);
  file.writeBigUInt64LE(BigInt(dataAt), 72);
  file.writeBigUInt64LE(BigInt(data.length), 96);
  data.copy(file, dataAt);
  names.copy(file, namesAt);
  const section = (index: number, nameAt: number, start: number, size: number) => {
    const at = sectionsAt + index * 64;
    file.writeUInt32LE(nameAt, at);
    file.writeBigUInt64LE(BigInt(start), at + 0x18);
    file.writeBigUInt64LE(BigInt(size), at + 0x20);
  };
  section(1, 1, dataAt, data.length);
  section(2, name.length + 2, namesAt, names.length);
  return file;
}

function pe(data: Buffer): Buffer {
  const dataAt = 0x200;
  const file = Buffer.alloc(dataAt + data.length);
  file.writeUInt16LE(0x5a4d, 0);
  file.writeUInt32LE(0x80, 0x3c);
  file.writeUInt32BE(0x50450000, 0x80);
  file.writeUInt16LE(1, 0x86);
  file.writeUInt16LE(0, 0x94);
  const section = 0x80 + 24;
  file.writeUInt32LE(data.length, section + 16);
  file.writeUInt32LE(dataAt, section + 20);
  file.writeUInt32LE(0xc0000040, section + 36);
  data.copy(file, dataAt);
  return file;
}

function macho(data: Buffer): Buffer {
  const dataAt = 0x200;
  const file = Buffer.alloc(dataAt + data.length);
  file.writeUInt32BE(0xcffaedfe, 0);
  file.writeUInt32LE(1, 16);
  file.writeUInt32LE(0x19, 32);
  file.writeUInt32LE(72 + 80, 36);
  file.write("__DATA", 40, "latin1");
  file.writeUInt32LE(1, 32 + 64);
  const section = 32 + 72;
  file.write("__go_buildinfo", section, "latin1");
  file.writeBigUInt64LE(BigInt(data.length), section + 40);
  file.writeUInt32LE(dataAt, section + 48);
  data.copy(file, dataAt);
  return file;
}

const expected = {
  goVersion: "go1.26.8",
  path: "example.invalid/tower/cmd/lamp",
  main: { path: "example.invalid/tower", version: "v1.2.0", sum: "", replacedBy: undefined },
  dependencies: [
    { path: "example.invalid/lens", version: "v0.3.1", sum: "h1:abc=", replacedBy: undefined },
    {
      path: "example.invalid/old",
      version: "v1.0.0",
      sum: "h1:old=",
      replacedBy: { path: "example.invalid/new", version: "v1.1.0", sum: "h1:new=", replacedBy: undefined },
    },
  ],
  settings: { "-trimpath": "true", "vcs.revision": "0123" },
};

describe("reading what a Go binary says of itself", () => {
  it.each([
    ["ELF, by the section's name", elf(blob())],
    ["ELF without that section, in its writable data", elf(Buffer.concat([Buffer.alloc(48), blob()]), ".data", true)],
    ["PE", pe(blob())],
    ["Mach-O", macho(blob())],
  ])("finds it in %s", (_, file) => {
    expect(readGoBuildInfo(file)).toEqual(expected);
  });

  it("is not taken in by the same bytes as a constant, nor by ones that do not stand on their place", () => {
    expect(readGoBuildInfo(elf(blob(), ".rodata"))).toBeUndefined();
    expect(readGoBuildInfo(elf(Buffer.concat([Buffer.alloc(8), blob()])))).toBeUndefined();
    expect(readGoBuildInfo(blob())).toBeUndefined();
  });

  it("says nothing of a script, of an empty file and of one cut short", () => {
    for (const file of [Buffer.from("#!/bin/sh\n"), Buffer.alloc(0), elf(blob()).subarray(0, 0x120)])
      expect(readGoBuildInfo(file)).toBeUndefined();
  });

  it("never throws and never reads far, whatever the headers say", () => {
    fc.assert(
      fc.property(
        fc.constantFrom(elf(blob()), pe(blob()), macho(blob())),
        fc.array(fc.tuple(fc.nat(0x400), fc.nat(255)), { maxLength: 12 }),
        (file, changes) => {
          const bytes = Buffer.from(file);
          for (const [at, value] of changes) if (at < bytes.length) bytes[at] = value;
          const read = readGoBuildInfo(bytes);
          expect(read === undefined || read.dependencies.length <= 10_000).toBe(true);
        },
      ),
      { numRuns: 500 },
    );
  });
});
