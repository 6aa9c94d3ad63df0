import { PassThrough, type Readable } from "node:stream";
import type { ReadStream, WriteStream } from "node:tty";
import { err, fault, ok, type Result } from "../core/index.ts";

/** The terminal of whoever runs this, given over to a shell until it is closed. */
export interface OwnTerminal {
  /** `typed`: what is typed, and the size of the window, in the frames of the executor. */
  open(): { readonly typed: Readable; readonly show: (chunk: Uint8Array) => void };
  /** The terminal as it was. */
  close(): void;
}

const mostBytes = 0xffff;

/** Fault `bad-input` where nobody sits at a terminal. */
export function ownTerminal(input: ReadStream, output: WriteStream): Result<OwnTerminal> {
  if (!input.isTTY || !output.isTTY)
    return err(
      fault("bad-input", "--shell needs a terminal", { hint: "without it the run is carried out as the server would" }),
    );
  const typed = new PassThrough();
  const onData = (chunk: Buffer) => {
    for (let at = 0; at < chunk.length; at += mostBytes) {
      const piece = chunk.subarray(at, at + mostBytes);
      typed.write(Buffer.concat([frame("d", piece.length), piece]));
    }
  };
  const onResize = () => {
    const columns = Buffer.alloc(2);
    columns.writeUInt16BE(Math.min(output.columns, mostBytes));
    typed.write(Buffer.concat([frame("w", Math.min(output.rows, mostBytes)), columns]));
  };
  const hangUp = () => typed.end();
  const restore = () => input.setRawMode(false);
  return ok({
    open: () => {
      // A terminal that was closed while the shell was open answers every call with an error; the shell ends by its end.
      input.on("error", hangUp);
      input.setRawMode(true);
      input.on("data", onData);
      input.once("end", hangUp);
      output.on("resize", onResize);
      process.once("exit", restore);
      onResize();
      return { typed, show: (chunk) => output.write(chunk) };
    },
    close: () => {
      input.off("data", onData);
      output.off("resize", onResize);
      process.off("exit", restore);
      restore();
      input.pause();
      input.off("end", hangUp);
      hangUp();
    },
  });
}

function frame(kind: "d" | "w", value: number): Buffer {
  const head = Buffer.alloc(3);
  head.write(kind);
  head.writeUInt16BE(value, 1);
  return head;
}
