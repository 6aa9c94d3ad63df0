import { AnsiUp } from "ansi_up";

/** Bytes of a log that a page shows; the rest is said, and behind `raw`. */
export const logWindow = 96 * 1024;

export interface LogView {
  readonly lines: readonly {
    readonly number: number | undefined;
    readonly html: string;
    readonly mark: "ours" | "bad" | "";
  }[];
  /** Bytes before the first line shown. */
  readonly hidden: number;
  readonly next: number;
  readonly complete: boolean;
}

/** Lines as HTML: colours become classes, everything else is escaped. */
export function logView(bytes: Uint8Array, start: number, next: number, complete: boolean): LogView {
  const ansi = new AnsiUp();
  ansi.use_classes = true;
  const text = Buffer.from(bytes).toString("utf8");
  const whole = start === 0 ? text : text.slice(text.indexOf("\n") + 1);
  const lines = whole.split("\n");
  if (lines.at(-1) === "") lines.pop();
  return {
    lines: lines.map((line, index) => ({
      number: start === 0 ? index + 1 : undefined,
      html: ansi.ansi_to_html(line.slice(line.lastIndexOf("\r", line.length - 2) + 1).slice(0, 4000)),
      mark: line.startsWith("fairlead: ")
        ? "ours"
        : /(^|\s)(FAIL|--- FAIL|error:|Error:|panic:)/.test(line)
          ? "bad"
          : "",
    })),
    hidden: start,
    next,
    complete,
  };
}
