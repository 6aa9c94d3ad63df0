/** Frames that the carrier writes: a letter, the length as four bytes, the bytes. */
export type FrameKind = "L" | "B" | "X" | "K" | "E";

const longest = 1024 * 1024;

/** Cuts what comes into frames. Answers false once it is none of ours: the caller gives the connection up. */
export function createFrames(onFrame: (kind: FrameKind, bytes: Buffer) => void): (chunk: Buffer) => boolean {
  let held: Buffer = Buffer.alloc(0);
  let broken = false;
  return (chunk) => {
    if (broken) return false;
    held = held.length === 0 ? chunk : Buffer.concat([held, chunk]);
    while (held.length >= 5) {
      const kind = String.fromCharCode(held[0] ?? 0);
      const length = held.readUInt32BE(1);
      if (!isKind(kind) || length > longest) {
        broken = true;
        return false;
      }
      if (held.length < 5 + length) return true;
      onFrame(kind, held.subarray(5, 5 + length));
      held = held.subarray(5 + length);
    }
    return true;
  };
}

function isKind(letter: string): letter is FrameKind {
  return ["L", "B", "X", "K", "E"].includes(letter);
}
