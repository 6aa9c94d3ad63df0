import { describe, expect, it } from "vitest";
import { createSerial } from "./serial.ts";

function gate() {
  let open: () => void = () => undefined;
  const opened = new Promise<void>((done) => {
    open = done;
  });
  return { open, opened };
}

describe("work of one key", () => {
  it("is done one after another, in order, while other keys go on", async () => {
    const serial = createSerial();
    const first = gate();
    const seen: string[] = [];
    const a1 = serial("a", async () => {
      await first.opened;
      seen.push("a1");
    });
    const a2 = serial("a", async () => void seen.push("a2"));
    await serial("b", async () => void seen.push("b1"));
    expect(seen).toEqual(["b1"]);
    first.open();
    await Promise.all([a1, a2]);
    expect(seen).toEqual(["b1", "a1", "a2"]);
  });

  it("hands a failure to who asked, and goes on", async () => {
    const serial = createSerial();
    const failing = serial("a", async () => {
      throw new Error("mine");
    });
    const next = serial("a", async () => "done");
    await expect(failing).rejects.toThrow("mine");
    expect(await next).toBe("done");
  });
});
