import { spawn } from "node:child_process";
import { err, fault, ok, type Result } from "../core/index.ts";

const longestAnswer = 16 * 1024;
const timeoutMs = 60_000;

/**
 * Asks a program outside (a key management service's client) to sign: it gets the bytes on stdin and prints the signature
 * (ECDSA with SHA-256, DER) in base64. Faults: `unavailable` when it fails or takes longer than a minute.
 */
export async function signOutside(argv: readonly string[], message: Uint8Array): Promise<Result<Uint8Array>> {
  const [program = "", ...args] = argv;
  const failed = (why: string) =>
    err(fault("unavailable", `the signer ${program} ${why}`, { hint: "signing.command in the family file names it" }));
  return await new Promise((done) => {
    const child = spawn(program, args, { stdio: ["pipe", "pipe", "pipe"], timeout: timeoutMs, killSignal: "SIGKILL" });
    const out: Buffer[] = [];
    const said: Buffer[] = [];
    let size = 0;
    const take = (into: Buffer[]) => (chunk: Buffer) => {
      size += chunk.length;
      if (size > longestAnswer) child.kill("SIGKILL");
      else into.push(chunk);
    };
    child.stdout.on("data", take(out));
    child.stderr.on("data", take(said));
    child.stdin.on("error", () => undefined);
    child.stdin.end(message);
    child.once("error", (error) => done(failed(`could not be started: ${error.message}`)));
    child.once("close", (code, signal) => {
      const words = Buffer.concat(said).toString("utf8").trim().slice(0, 300);
      if (code !== 0) return done(failed(`ended with ${signal ?? code}${words === "" ? "" : `: ${words}`}`));
      const signature = Buffer.from(Buffer.concat(out).toString("latin1").trim(), "base64");
      return done(signature.length > 0 ? ok(signature) : failed("printed no signature"));
    });
  });
}
