import { describe, expect, it } from "vitest";
import type { PinnedComponent, PinSet } from "../pin-sets/model.ts";
import { deployEnvironment, rbacFileOf } from "./deploy-environment.ts";
import { renderManifest } from "./render-manifests.ts";

function component(name: string, version: string, images: readonly string[]): PinnedComponent {
  return {
    component: name,
    repository: "",
    commit: "c",
    version,
    from: "release",
    run: "r",
    images: images.map((image) => ({ name: image, digest: "sha256:1", mediaType: "", size: 1, platforms: [] })),
  };
}

function setOf(...components: readonly PinnedComponent[]): PinSet {
  return { family: "fam", deployment: { component: "driver", commit: "d", folder: "deploy" }, components };
}

const files = { testDriver: "/cluster/test-driver.yaml", kubeletFolder: "/var/lib/kubelet" };

describe("the contract of deploy scripts", () => {
  it("names registry and tag of every image, and the roles of those that have some", () => {
    const set = setOf(
      component("attacher", "change-7", ["csi-attacher"]),
      component("driver", "v1.0.0", ["hostpathplugin"]),
    );
    const env = deployEnvironment({
      set,
      registry: "localhost/fam",
      rbac: { "csi-attacher": "/cluster/rbac/a.yaml" },
      ...files,
    });
    expect(env).toEqual({
      ok: true,
      value: {
        CSI_ATTACHER_REGISTRY: "localhost/fam",
        CSI_ATTACHER_TAG: "change-7",
        CSI_ATTACHER_RBAC: "/cluster/rbac/a.yaml",
        HOSTPATHPLUGIN_REGISTRY: "localhost/fam",
        HOSTPATHPLUGIN_TAG: "v1.0.0",
        CSI_PROW_TEST_DRIVER: "/cluster/test-driver.yaml",
        KUBELET_DATA_DIR: "/var/lib/kubelet",
      },
    });
  });

  it("gives one tag for all only where all are canaries of one name", () => {
    const set = setOf(
      component("attacher", "canary", ["csi-attacher"]),
      component("driver", "canary", ["hostpathplugin"]),
    );
    const env = deployEnvironment({ set, registry: "localhost/fam", rbac: {}, ...files });
    expect(env).toMatchObject({ ok: true, value: { IMAGE_TAG: "canary", IMAGE_REGISTRY: "localhost/fam" } });
  });

  it.each([
    ["$(id)", {}],
    ["v1`id`", {}],
    ["v1;id", {}],
    ["v1 id", {}],
    ["v1\nid", {}],
    ["", {}],
    ["v1", { "csi-attacher": "/cluster/rbac/$(id).yaml" }],
    ["v1", { "x;id": "/cluster/rbac/a.yaml" }],
  ])("puts nothing into a value that a shell would read as more than a word: %j", (version, rbac) => {
    const set = setOf(component("attacher", version, ["csi-attacher"]));
    const env = deployEnvironment({ set, registry: "localhost/fam", rbac, ...files });
    expect(env).toMatchObject({
      ok: false,
      error: { code: "refused", message: expect.stringContaining("is given to no deploy script") },
    });
  });

  it("finds the roles of an image by the names that the scripts of components give them", () => {
    const all = [
      "deploy/kubernetes/rbac.yaml",
      "deploy/kubernetes/csi-snapshotter/rbac-csi-snapshotter.yaml",
      "doc/rbac-x.yaml",
    ];
    expect(rbacFileOf("csi-snapshotter", all)).toBe("deploy/kubernetes/csi-snapshotter/rbac-csi-snapshotter.yaml");
    expect(rbacFileOf("csi-attacher", all)).toBe("deploy/kubernetes/rbac.yaml");
    expect(rbacFileOf("x", ["doc/rbac-x.yaml"])).toBeUndefined();
  });
});

describe("plain manifests", () => {
  it("get the images of the set where they name them, and keep the others", () => {
    const text =
      'a: {image: "reg/csi-attacher:v1"} # it\nb: {image: alpine/socat:1}\nc: {image: reg/csi-attacher:v1}\n';
    const place = (value: string, name: string, from = 0) => {
      const start = text.indexOf(value, from);
      return { name, start, end: start + value.length };
    };
    const places = [
      place("reg/csi-attacher:v1", "csi-attacher"),
      place("alpine/socat:1", "socat"),
      place("reg/csi-attacher:v1", "csi-attacher", 30),
    ];
    const set = setOf(component("attacher", "change-7", ["csi-attacher"]));
    expect(renderManifest(text, places, set, "localhost/fam")).toBe(
      'a: {image: "localhost/fam/csi-attacher:change-7"} # it\nb: {image: alpine/socat:1}\nc: {image: localhost/fam/csi-attacher:change-7}\n',
    );
  });
});
