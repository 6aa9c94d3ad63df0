import { createHash, createHmac } from "node:crypto";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type Server } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { countingIds, ManualClock, must } from "../../core/index.ts";
import { createFsResultStore } from "../fs-result-store.ts";
import type { ResultKey, ResultStore } from "../model.ts";
import { mirroredResults } from "./mirrored.ts";
import type { ResultMirror } from "./model.ts";
import { createMirrorQueue, type MirrorQueue } from "./queue.ts";
import { mirrorOf } from "./targets.ts";

let root: string;
let clock: ManualClock;
const troubles: string[] = [];
const key: ResultKey = { type: "presubmit", job: "unit", buildId: "1800", org: "harbour", repo: "buoy", pull: 7 };
const refs = {
  org: "harbour",
  repo: "buoy",
  base_ref: "main",
  base_sha: "a".repeat(40),
  pulls: [{ number: 7, author: "x", sha: "b".repeat(40) }],
};
const environment = { AWS_ACCESS_KEY_ID: "AKEXAMPLE", AWS_SECRET_ACCESS_KEY: "not a real secret" };

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "mirror-"));
  clock = new ManualClock();
  troubles.length = 0;
});
afterEach(() => rm(root, { recursive: true, force: true }));

function mirrorTo(to: string, endpoint?: string): ResultMirror {
  return must(mirrorOf({ to, endpoint }, { environment, folder: root, clock, ids: countingIds() }));
}
function queueTo(mirrors: readonly ResultMirror[]): MirrorQueue {
  const onTrouble = (mirror: string, { message }: { message: string }) => troubles.push(`${mirror}: ${message}`);
  return createMirrorQueue({
    folder: join(root, "queue"),
    root: join(root, "results"),
    mirrors,
    clock,
    ids: countingIds(),
    onTrouble,
  });
}
function storeWith(queue: MirrorQueue): ResultStore {
  return mirroredResults(createFsResultStore({ root: join(root, "results"), ids: countingIds() }), queue);
}
async function begin(store: ResultStore): Promise<void> {
  must(await store.begin(key, { at: 1_700_000_000_000, refs, runId: "run-1" }));
  const left = join(root, "left");
  await mkdir(left, { recursive: true });
  await writeFile(join(left, "junit#1 (a+b).xml.gz"), gzipSync("<testsuite/>"));
  must(await store.collect(key, left, { files: 10, bytes: 1e6 }));
}
const finish = async (store: ResultStore) =>
  must(await store.finish(key, { at: 1_700_000_009_000, passed: true, result: "SUCCESS", revision: "b".repeat(40) }));

interface Bucket {
  readonly endpoint: string;
  readonly objects: Map<string, { headers: IncomingMessage["headers"]; body: Buffer }>;
  answer: (path: string) => number;
  close(): Promise<void>;
}

/** A bucket that recomputes each signature from what it received (AWS Signature Version 4). */
async function openBucket(): Promise<Bucket> {
  const objects: Bucket["objects"] = new Map();
  const server: Server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(Buffer.from(chunk));
    const body = Buffer.concat(chunks);
    const path = request.url ?? "";
    const why = flawIn(request, body);
    const status = why ? 403 : bucket.answer(path);
    if (status === 200) objects.set(decodeURIComponent(path), { headers: request.headers, body });
    response.writeHead(status).end(status === 200 ? "" : `<Error><Code>${why ?? "SlowDown"}</Code></Error>`);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const port = typeof address === "object" ? address?.port : 0;
  const bucket: Bucket = {
    endpoint: `http://127.0.0.1:${port}`,
    objects,
    answer: () => 200,
    close: () => new Promise((resolve) => server.close(() => resolve())),
  };
  return bucket;
}

function flawIn(request: IncomingMessage, body: Buffer): string | undefined {
  const hash = (data: string | Buffer) => createHash("sha256").update(data).digest("hex");
  const mac = (secret: string | Buffer, data: string) => createHmac("sha256", secret).update(data).digest();
  const parts =
    /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\d{8})\/([^/]+)\/s3\/aws4_request, SignedHeaders=([^,]+), Signature=(\w+)$/;
  const [, access, day = "", region = "", names = "", signature] =
    parts.exec(request.headers.authorization ?? "") ?? [];
  if (access !== environment.AWS_ACCESS_KEY_ID) return "InvalidAccessKeyId";
  if (request.headers["x-amz-content-sha256"] !== hash(body)) return "XAmzContentSHA256Mismatch";
  const signedHeaders = names.split(";");
  for (const needed of ["content-type", "host", "x-amz-content-sha256", "x-amz-date"])
    if (!signedHeaders.includes(needed)) return "MissingHeader";
  const headers = signedHeaders.map((name) => `${name}:${String(request.headers[name]).trim()}\n`).join("");
  const canonical = [request.method, request.url, "", headers, names, hash(body)].join("\n");
  const scope = `${day}/${region}/s3/aws4_request`;
  const toSign = ["AWS4-HMAC-SHA256", request.headers["x-amz-date"], scope, hash(canonical)].join("\n");
  const derived = [day, region, "s3", "aws4_request"].reduce(
    (secret: Buffer, part) => mac(secret, part),
    Buffer.from(`AWS4${environment.AWS_SECRET_ACCESS_KEY}`),
  );
  return mac(derived, toSign).toString("hex") === signature ? undefined : "SignatureDoesNotMatch";
}

describe("a bucket", () => {
  let bucket: Bucket;
  beforeEach(async () => {
    bucket = await openBucket();
  });
  afterEach(() => bucket.close());

  it("gets every file signed, with content types, encodings and the alias's link", async () => {
    const queue = queueTo([mirrorTo("gs://harbour-ci/results", bucket.endpoint)]);
    const store = storeWith(queue);
    await begin(store);
    await finish(store);
    await queue.settled();
    expect(troubles).toEqual([]);
    const folder = "/harbour-ci/results/pr-logs/pull/harbour_buoy/7/unit/1800";
    expect([...bucket.objects.keys()].map((path) => path.replace(folder, "…")).sort()).toEqual([
      "/harbour-ci/results/pr-logs/directory/unit/1800.txt",
      "/harbour-ci/results/pr-logs/directory/unit/latest-build.txt",
      "/harbour-ci/results/pr-logs/pull/harbour_buoy/7/unit/latest-build.txt",
      "…/artifacts/junit%231 (a+b).xml",
      "…/finished.json",
      "…/started.json",
    ]);
    const junit = bucket.objects.get(`${folder}/artifacts/junit%231 (a+b).xml`);
    expect(junit?.headers).toMatchObject({ "content-type": "text/xml; charset=utf-8", "content-encoding": "gzip" });
    const alias = bucket.objects.get("/harbour-ci/results/pr-logs/directory/unit/1800.txt");
    expect(alias?.body.toString()).toBe(`gs:/${folder}`);
    expect(alias?.headers["x-amz-meta-link"]).toBe(`gs:/${folder}`);
    expect(await queue.pending()).toBe(0);
  });

  it("is tried again, later and later, until it has everything; then nothing is left to do", async () => {
    const queue = queueTo([mirrorTo("s3://harbour-ci", bucket.endpoint)]);
    const store = storeWith(queue);
    bucket.answer = (path) => (path.endsWith("finished.json") ? 503 : 200);
    await begin(store);
    await finish(store);
    await queue.settled();
    expect(troubles[0]).toContain(
      "s3://harbour-ci answered 503 SlowDown to pr-logs/pull/harbour_buoy/7/unit/1800/finished",
    );
    expect([...bucket.objects.keys()].some((path) => path.endsWith("latest-build.txt"))).toBe(false);
    bucket.answer = () => 200;
    clock.advance(999);
    await queue.settled();
    expect(await queue.pending()).toBe(1);
    clock.advance(1);
    await queue.settled();
    expect(await queue.pending()).toBe(0);
  });

  it("says when its key is refused", async () => {
    const wrong = { ...environment, AWS_SECRET_ACCESS_KEY: "another" };
    const mirror = must(
      mirrorOf(
        { to: "s3://b", endpoint: bucket.endpoint },
        { environment: wrong, folder: root, clock, ids: countingIds() },
      ),
    );
    const put = await mirror.put({
      path: "a",
      content: { text: "" },
      contentType: "text/plain",
      contentEncoding: undefined,
    });
    expect(put).toMatchObject({
      ok: false,
      error: { code: "forbidden", message: "s3://b answered 403 SignatureDoesNotMatch to a" },
    });
  });
});

describe("a directory", () => {
  it("gets what a killed process had noted, its unfinished attempts too", async () => {
    const dead = storeWith(queueTo([mirrorTo("copy")]));
    await begin(dead);
    const next = queueTo([mirrorTo("copy")]);
    expect(await next.pending()).toBe(1);
    await next.start();
    await next.settled();
    expect(await next.pending()).toBe(0);
    const folder = join(root, "copy/pr-logs/pull/harbour_buoy/7/unit/1800");
    expect((await readdir(folder)).sort()).toEqual(["artifacts", "started.json"]);
  });

  it("is not written again when only another mirror failed", async () => {
    let broken = true;
    let puts = 0;
    const copy = mirrorTo("copy");
    const counted: ResultMirror = {
      ...copy,
      name: "counted",
      put: (object) => {
        puts++;
        return copy.put(object);
      },
    };
    const other = mirrorTo("other");
    const failing: ResultMirror = {
      ...other,
      put: (object) => (broken ? mirrorTo("\0").put(object) : other.put(object)),
    };
    const queue = queueTo([counted, failing]);
    const store = storeWith(queue);
    await begin(store);
    await finish(store);
    await queue.settled();
    const before = puts;
    broken = false;
    clock.advance(1000);
    await queue.settled();
    expect([puts, await queue.pending()]).toEqual([before, 0]);
    expect(await readFile(join(root, "other/pr-logs/directory/unit/latest-build.txt"), "utf8")).toBe("1800");
  });
});

it.each([
  ["ftp://host/x", {}, "results cannot be mirrored to ftp://host/x"],
  ["s3://bucket", {}, "there is no access key for s3://bucket"],
])("refuses %s", (to, surroundings, message) => {
  const made = mirrorOf({ to }, { environment: surroundings, folder: root, clock, ids: countingIds() });
  expect(made).toMatchObject({ ok: false, error: { message } });
});
