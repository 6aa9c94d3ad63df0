/** Machine numbers of ELF and PE headers, by the architecture names of images. */
const elf: Readonly<Record<number, string>> = {
  3: "386",
  62: "amd64",
  40: "arm",
  183: "arm64",
  21: "ppc64le",
  22: "s390x",
  8: "mips",
  243: "riscv64",
};
const pe: Readonly<Record<number, string>> = { 332: "386", 34404: "amd64", 43620: "arm64" };

/** What the first bytes of a file say it runs on; `undefined` for scripts and anything else. */
export function binaryKind(
  head: Uint8Array,
): { readonly format: "ELF" | "PE"; readonly architecture: string } | undefined {
  const bytes = Buffer.from(head);
  if (bytes.length >= 20 && bytes.readUInt32BE(0) === 0x7f454c46) {
    const machine = bytes[5] === 2 ? bytes.readUInt16BE(18) : bytes.readUInt16LE(18);
    return { format: "ELF", architecture: elf[machine] ?? `machine ${machine}` };
  }
  if (bytes.length >= 64 && bytes.readUInt16LE(0) === 0x5a4d) {
    const at = bytes.readUInt32LE(0x3c);
    if (at + 6 <= bytes.length && bytes.readUInt32BE(at) === 0x50450000) {
      const machine = bytes.readUInt16LE(at + 4);
      return { format: "PE", architecture: pe[machine] ?? `machine ${machine}` };
    }
  }
  return undefined;
}
