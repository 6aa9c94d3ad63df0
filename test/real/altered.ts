import type { RealComponent } from "./repositories.ts";
import type { WorkingCopy } from "./walk.ts";

/** Without a version a name means that the module proxy is asked. */
const logcheck = "sigs.k8s.io/logtools/logcheck";
let reachable: Promise<boolean> | undefined;

/**
 * `make test` of most components installs logcheck from the module proxy. Where that does not serve it, the change under
 * test takes the one line out that asks for it, and says so.
 */
export async function withoutLogcheck(copy: WorkingCopy): Promise<void> {
  const proxy = (process.env["GOPROXY"] ?? "https://proxy.golang.org").split(/[,|]/)[0];
  reachable ??= fetch(`${proxy}/${logcheck}/@v/v0.10.0.info`).then(
    (answer) => answer.ok,
    () => false,
  );
  if (await reachable) return;
  console.log(
    `           ${copy.component}: the module proxy has no ${logcheck}: the change drops \`test: test-logcheck\``,
  );
  await copy.edit("Makefile", (text) => text.replace(/^test: test-logcheck\n?/m, ""));
}

/** Builds with the cache of the run's tier (`make` builds everything anew), for one platform, and tests some packages. */
export function lightConfiguration(commands: readonly string[], tested: string, more = ""): string {
  return `# What CI of this repository does, made light: one platform, without go build -a, a part of the tests.
toolchain: {go: 1.26.6}
build: |
  mkdir -p bin
  CGO_ENABLED=0 go build -mod=vendor -ldflags "-X main.version=$(git describe --tags --always) -extldflags -static" -o bin/ ${commands.map((name) => `./cmd/${name}`).join(" ")}
test: go test -mod=vendor ${tested}
images:
${commands.map((name) => `  - {name: ${name}, dockerfile: ${commands.length > 1 ? `cmd/${name}/Dockerfile` : "Dockerfile"}, platforms: [linux/amd64]}`).join("\n")}
shared: {release-tools: csi-release-tools}
${more}`;
}

/** What the first change of a component does, beyond the changelog of the version that is prepared. */
export const alterations: Readonly<Record<RealComponent, ((copy: WorkingCopy) => Promise<void>) | undefined>> = {
  "csi-release-tools": undefined,
  "csi-lib-utils": withoutLogcheck,
  "cluster-driver-registrar": undefined,
  "node-driver-registrar": withoutLogcheck,
  "external-attacher": (copy) =>
    copy.write({ ".fairlead.yaml": lightConfiguration(["csi-attacher"], "./pkg/attacher/...") }),
  "external-provisioner": (copy) =>
    copy.write({ ".fairlead.yaml": lightConfiguration(["csi-provisioner"], "./pkg/features/...") }),
  "external-snapshotter": (copy) =>
    copy.write({
      ".fairlead.yaml": lightConfiguration(
        ["snapshot-controller", "csi-snapshotter", "snapshot-conversion-webhook"],
        "./pkg/features/...",
      ),
    }),
  "csi-driver-host-path": undefined,
  "external-resizer": withoutLogcheck,
  livenessprobe: withoutLogcheck,
  "external-health-monitor": withoutLogcheck,
};
