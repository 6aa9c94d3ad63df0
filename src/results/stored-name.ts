/** How a file of a job is stored and served. */
export interface StoredName {
  /** Relative path below the folder of artifacts. */
  readonly path: string;
  readonly contentType: string;
  /** `gzip` where the bytes are compressed and readers are to unpack them. */
  readonly contentEncoding: "gzip" | undefined;
}

const mediaTypes: Readonly<Record<string, string>> = {
  css: "text/css; charset=utf-8",
  csv: "text/csv; charset=utf-8",
  gif: "image/gif",
  htm: "text/html; charset=utf-8",
  html: "text/html; charset=utf-8",
  jpeg: "image/jpeg",
  jpg: "image/jpeg",
  js: "text/javascript; charset=utf-8",
  json: "application/json",
  log: "text/plain; charset=utf-8",
  pdf: "application/pdf",
  png: "image/png",
  svg: "image/svg+xml",
  tar: "application/x-tar",
  txt: "text/plain; charset=utf-8",
  xml: "text/xml; charset=utf-8",
  yaml: "application/yaml",
  yml: "application/yaml",
  zip: "application/zip",
};

/**
 * Prow 4.4: `x.gz` and `x.gzip` are stored as `x`; when x's own ending has a known media type the bytes are said to be that,
 * compressed, else they are plain `application/gzip`. `#` becomes `%23`.
 */
export function storedNameOf(path: string): StoredName {
  const safe = path.replaceAll("#", "%23");
  const ending = /\.gz(ip)?$/.exec(safe)?.[0];
  if (!ending || safe.slice(0, -ending.length).endsWith("/") || safe === ending)
    return { path: safe, contentType: mediaTypeOf(safe) ?? "application/octet-stream", contentEncoding: undefined };
  const inner = safe.slice(0, -ending.length);
  const type = mediaTypeOf(inner);
  return type
    ? { path: inner, contentType: type, contentEncoding: "gzip" }
    : { path: inner, contentType: "application/gzip", contentEncoding: undefined };
}

export function mediaTypeOf(path: string): string | undefined {
  const name = path.slice(path.lastIndexOf("/") + 1);
  const dot = name.lastIndexOf(".");
  return dot < 0 ? undefined : mediaTypes[name.slice(dot + 1).toLowerCase()];
}
