import { compareVersions, isFinalTag, parseVersionTag } from "../family/index.ts";

/** A final release of a component, with the digests of its images where they are known. */
export interface ReleasedVersion {
  readonly tag: string;
  /** Milliseconds: when it was published, or its commit was made. */
  readonly at: number;
  readonly digests: Readonly<Record<string, string>>;
}

/** How a pin stands to the releases of its component; `undefined` where that cannot be told. */
export interface PinStanding {
  readonly newest: string | undefined;
  /** Releases that are newer than the pinned one. */
  readonly behindReleases: number | undefined;
  /** Days between the pinned release and the newest one. */
  readonly behindDays: number | undefined;
}

const day = 86_400_000;

/** A pin by digest alone is the release that has this digest. */
export function releaseOfPin(
  pin: { readonly name: string; readonly tag: string | undefined; readonly digest: string | undefined },
  releases: readonly ReleasedVersion[],
): string | undefined {
  if (pin.tag !== undefined) return pin.tag;
  return releases.find((release) => pin.digest !== undefined && release.digests[pin.name] === pin.digest)?.tag;
}

export function pinStanding(pinned: string | undefined, releases: readonly ReleasedVersion[]): PinStanding {
  const newest = newestOf(releases);
  const version = parseVersionTag(pinned ?? "");
  if (!newest || !version.ok) return { newest: newest?.tag, behindReleases: undefined, behindDays: undefined };
  const newer = releases.filter((release) => {
    const other = parseVersionTag(release.tag);
    return other.ok && compareVersions(other.value, version.value) > 0;
  });
  const at = releases.find((release) => release.tag === pinned)?.at;
  const days = at === undefined ? undefined : Math.max(0, Math.round((newest.at - at) / day));
  return { newest: newest.tag, behindReleases: newer.length, behindDays: newer.length === 0 ? 0 : days };
}

/** The release to pin instead; `undefined` where it is pinned already, or something newer is. A canary gives way always. */
export function betterPin(
  pinned: string | undefined,
  releases: readonly ReleasedVersion[],
): ReleasedVersion | undefined {
  const newest = newestOf(releases);
  const [now, next] = [parseVersionTag(pinned ?? ""), parseVersionTag(newest?.tag ?? "")];
  if (!newest || !next.ok) return undefined;
  return now.ok && compareVersions(next.value, now.value) <= 0 ? undefined : newest;
}

function newestOf(releases: readonly ReleasedVersion[]): ReleasedVersion | undefined {
  let newest: ReleasedVersion | undefined;
  for (const release of releases) {
    if (!isFinalTag(release.tag)) continue;
    const [a, b] = [parseVersionTag(release.tag), parseVersionTag(newest?.tag ?? "")];
    if (a.ok && (!b.ok || compareVersions(a.value, b.value) > 0)) newest = release;
  }
  return newest;
}
