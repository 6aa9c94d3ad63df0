import { createInterface } from "node:readline";
import type { ReadStream, WriteStream } from "node:tty";
import type { Terminal } from "../cli/index.ts";

/** Questions go where no answer of the program goes: to stderr. */
export function promptOn(input: ReadStream, output: WriteStream): Terminal {
  return {
    present: input.isTTY === true && output.isTTY === true,
    ask: (question) =>
      new Promise((done) => {
        const lines = createInterface({ input, output, terminal: true, historySize: 0 });
        let answer: string | undefined;
        lines.question(question, (text) => {
          answer = text;
          lines.close();
        });
        lines.once("SIGINT", () => {
          output.write("\n");
          lines.close();
        });
        lines.once("close", () => done(answer));
      }),
    onInterrupt: (act) => {
      process.on("SIGINT", act);
      return () => process.off("SIGINT", act);
    },
  };
}
