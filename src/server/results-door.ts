import { createReadStream } from "node:fs";
import { Readable } from "node:stream";
import type { ResultStore } from "../results/index.ts";
import { sandboxPolicy } from "./doors.ts";

const images: Readonly<Record<string, string>> = { png: "image/png", jpg: "image/jpeg", gif: "image/gif" };

/** `/results/…`: files in the Prow layout, jobs' own among them: inert text or pictures, in an origin of nobody. */
export async function serveResults(results: ResultStore, path: string): Promise<Response> {
  const headers = {
    "content-security-policy": sandboxPolicy,
    "x-content-type-options": "nosniff",
    "cache-control": "no-cache",
  };
  const file = await results.open(path);
  if (file) {
    const ending = path.slice(path.lastIndexOf(".") + 1).toLowerCase();
    // Whatever a job calls a page or a script is shown as text; an archive is offered as one.
    const archive = file.contentType === "application/gzip" ? file.contentType : undefined;
    const type = images[ending] ?? archive ?? "text/plain; charset=utf-8";
    return new Response(Readable.toWeb(createReadStream(file.file, file.size > 0 ? { end: file.size - 1 } : {})), {
      headers: {
        ...headers,
        "content-type": type,
        "content-length": String(file.size),
        ...(file.contentEncoding && { "content-encoding": file.contentEncoding }),
      },
    });
  }
  const entries = await results.list(path);
  if (!entries)
    return new Response("there is nothing here\n", {
      status: 404,
      headers: { "content-type": "text/plain", ...headers },
    });
  const lines = [...entries]
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .map((entry) => (entry.directory ? `${entry.name}/` : `${entry.name}  ${entry.size}`));
  return new Response(`${lines.join("\n")}\n`, {
    headers: { ...headers, "content-type": "text/plain; charset=utf-8" },
  });
}
