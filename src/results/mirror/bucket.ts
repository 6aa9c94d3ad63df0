import { createHash } from "node:crypto";
import { type FileHandle, open } from "node:fs/promises";
import { request as requestPlain } from "node:http";
import { request as requestSecure } from "node:https";
import type { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { AwsV4Signer } from "aws4fetch";
import { type Clock, err, fault, ok, type Result } from "../../core/index.ts";
import type { MirrorObject, ResultMirror } from "./model.ts";

export interface BucketOptions {
  /** `s3://bucket/prefix` or `gs://bucket/prefix`, as readers write it. */
  readonly address: string;
  /** Where its interface answers; the bucket becomes the first name of the path. */
  readonly endpoint: string;
  readonly region: string;
  readonly credentials: {
    readonly accessKeyId: string;
    readonly secretAccessKey: string;
    readonly sessionToken?: string | undefined;
  };
  readonly clock: Clock;
  /** Without a byte moving for this long, milliseconds, an upload is given up. */
  readonly idleMs?: number;
}

/**
 * A bucket behind the S3 interface; Google's storage speaks it too, with HMAC keys. Each body is hashed before and signed, so
 * what arrives is what was meant. Redirects are not followed.
 */
export function createBucketMirror(options: BucketOptions): ResultMirror {
  const root = options.address.replace(/\/+$/, "");
  const [bucket = "", ...prefix] = root.replace(/^[a-z0-9]+:\/\//, "").split("/");
  const urlOf = (path: string) =>
    `${options.endpoint.replace(/\/+$/, "")}/${[bucket, ...prefix, ...path.split("/")].map(encoded).join("/")}`;

  async function signed(object: MirrorObject, hash: string) {
    const signer = new AwsV4Signer({
      method: "PUT",
      url: urlOf(object.path),
      headers: {
        "content-type": object.contentType,
        "x-amz-content-sha256": hash,
        ...(object.contentEncoding && { "content-encoding": object.contentEncoding }),
        ...(object.link && { "x-amz-meta-link": object.link }),
      },
      accessKeyId: options.credentials.accessKeyId,
      secretAccessKey: options.credentials.secretAccessKey,
      ...(options.credentials.sessionToken && { sessionToken: options.credentials.sessionToken }),
      service: "s3",
      region: options.region,
      allHeaders: true,
      datetime: new Date(options.clock.now()).toISOString().replace(/[:-]|\.\d{3}/g, ""),
    });
    return await signer.sign();
  }

  async function send(object: MirrorObject, body: Body): Promise<Result<void>> {
    const { url, headers } = await signed(object, await body.hash());
    const start = url.protocol === "https:" ? requestSecure : requestPlain;
    const request = start(url, {
      method: "PUT",
      headers: { ...Object.fromEntries(headers), "content-length": String(body.size) },
      timeout: options.idleMs ?? 60_000,
    });
    request.on("timeout", () => request.destroy(new Error("nothing moved for a minute")));
    const answered = new Promise<{ status: number; text: string }>((resolve, reject) => {
      request.on("error", reject);
      request.on("response", (response) => {
        let text = "";
        response.setEncoding("utf8");
        response.on("data", (piece: string) => {
          if (text.length < 2000) text += piece;
        });
        response.on("end", () => resolve({ status: response.statusCode ?? 0, text }));
        response.on("error", reject);
      });
    });
    // A server may answer and hang up before it has read everything: then its answer counts.
    const [, answer] = await Promise.allSettled([pipeline(body.bytes(), request), answered]);
    if (answer.status === "rejected") throw answer.reason;
    return answer.value.status >= 200 && answer.value.status < 300 ? ok(undefined) : refused(object, answer.value);
  }

  function refused(object: MirrorObject, { status, text }: { status: number; text: string }): Result<never> {
    const code = /<Code>([A-Za-z0-9]{1,60})<\/Code>/.exec(text)?.[1];
    const message = `${root} answered ${status}${code ? ` ${code}` : ""} to ${object.path}`;
    const denied = status === 401 || status === 403;
    return err(
      fault(denied ? "forbidden" : "unavailable", message, {
        hint: denied ? "look at the access key, its secret and what it may write" : "it is tried again",
      }),
    );
  }

  return {
    name: root,
    addressOf: (path) => `${root}/${path}`,
    put: async (object) => {
      const { content } = object;
      const file = "file" in content ? await open(content.file).catch(() => undefined) : undefined;
      if ("file" in content && !file) return err(fault("not-found", `${content.file} is not there any more`));
      try {
        return await send(object, file ? await bodyOfFile(file) : bodyOfText("text" in content ? content.text : ""));
      } catch (error) {
        const why = error instanceof Error ? error.message : String(error);
        return err(
          fault("unavailable", `${root} could not be reached: ${why}`, { hint: "it is tried again", cause: error }),
        );
      } finally {
        await file?.close();
      }
    },
  };
}

interface Body {
  readonly size: number;
  /** SHA-256, hex. */
  hash(): Promise<string>;
  bytes(): Readable | Iterable<Buffer>;
}

function bodyOfText(text: string): Body {
  const bytes = Buffer.from(text);
  return {
    size: bytes.length,
    hash: async () => createHash("sha256").update(bytes).digest("hex"),
    bytes: () => [bytes],
  };
}

async function bodyOfFile(file: FileHandle): Promise<Body> {
  const { size } = await file.stat();
  const bytes = () => (size === 0 ? [] : file.createReadStream({ start: 0, end: size - 1, autoClose: false }));
  return {
    size,
    hash: async () => {
      const hash = createHash("sha256");
      for await (const chunk of bytes()) hash.update(chunk);
      return hash.digest("hex");
    },
    bytes,
  };
}

/** RFC 3986: everything but its unreserved characters. */
function encoded(name: string): string {
  return encodeURIComponent(name).replace(/[!'()*]/g, (each) => `%${each.charCodeAt(0).toString(16).toUpperCase()}`);
}
