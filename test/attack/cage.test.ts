import { mkdir, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:net";
import { homedir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { programPath } from "../fixtures/programs.ts";
import { mergeAndWait, proposeAndWait, type ServedFamily, serveFamily } from "../fixtures/served-family.ts";

const secret = `canary-${process.pid}-7f3a9b`;
const planted = join(homedir(), `.fairlead-attack-${process.pid}`);
const shared = `/dev/shm/fairlead-attack-${process.pid}`;
let family: ServedFamily;
let clone: string;
let socket: Server;
let socketPath: string;

beforeAll(async () => {
  family = await serveFamily([
    { name: "target", files: { ".fairlead.yaml": "test: sh attack.sh\n", "attack.sh": "true\n" } },
    { name: "other", files: { ".fairlead.yaml": "test: 'true'\n" }, settings: ["images: [other]"] },
  ]);
  await mkdir(planted, { recursive: true });
  await writeFile(join(planted, "token"), secret);
  await writeFile(shared, secret).catch(() => undefined);
  socketPath = join(family.root, "agent.sock");
  socket = createServer((client) => client.end(secret));
  await new Promise<void>((done) => socket.listen(socketPath, done));
  await family.start({ PLANTED_SECRET: secret });
  clone = await family.clone("target");
});
afterAll(async () => {
  socket.close();
  await rm(planted, { recursive: true, force: true });
  await rm(shared, { force: true });
  await family.remove();
});

/** Runs a script as the test of a change; answers the run's state and its log. */
async function attack(script: string, files: Readonly<Record<string, string>> = {}) {
  await family.git(clone, "fetch", "-q", "origin");
  await family.git(clone, "reset", "-q", "--hard", "origin/main");
  const { run, number } = await proposeAndWait(family, clone, "target", { "attack.sh": script, ...files });
  const log = await fetch(`${family.url()}/api/v1/runs/${run.id}/log`, {
    headers: { authorization: `Bearer ${await family.token()}` },
  });
  return { run, number, log: await log.text() };
}

describe.skipIf(!programPath("bwrap"))("the run's cage (skipped where bubblewrap is not installed)", () => {
  it("hides tokens in homes, environments, sockets and shared memory from a job that looks everywhere", async () => {
    const { log, run } = await attack(
      `
      env
      cat /proc/*/environ /proc/*/cmdline 2>/dev/null | tr '\\0' '\\n'
      ls -la /root /home /dev/shm ${homedir()} ${family.home} 2>&1
      cat ${join(planted, "token")} ${shared} ${family.home}/admin.token 2>&1
      grep -rls "canar[y]-${process.pid}" / --exclude-dir=proc --exclude-dir=usr --exclude-dir=sys --exclude-dir=etc 2>/dev/null | sed 's/^/found: /'
      perl -MSocket -e 'socket(S,PF_UNIX,SOCK_STREAM,0); connect(S,sockaddr_un($ARGV[0])) and print <S>' ${socketPath}
      find / -name 'admin.token' -o -name '*.db' -o -name 'docker.sock' 2>/dev/null | grep -v -e ^/proc -e ^/usr | sed 's/^/found: /'
      echo looked everywhere
    `,
    );
    expect(run.state).toBe("success");
    expect(log).toContain("looked everywhere");
    expect(log).not.toContain(secret);
    expect(log).not.toContain(await family.token());
    expect(log).not.toMatch(/^found: /m);
  });

  it("reaches neither the server's door nor another address of this machine", async () => {
    const { port } = new URL(family.url());
    const { log } = await attack(`
      for proxy in "$http_proxy" ""; do
        http_proxy=$proxy perl -MSocket -e '
          for my $to (["127.0.0.1", $ARGV[0]], ["127.0.0.1", 22], ["169.254.169.254", 80], ["10.0.0.1", 80]) {
            socket(S,PF_INET,SOCK_STREAM,0); print "open $to->[0]:$to->[1]\\n" if connect(S, sockaddr_in($to->[1], inet_aton($to->[0])));
          }' ${port}
      done
      perl -MSocket -e 'socket(S,PF_INET,SOCK_STREAM,0); connect(S, sockaddr_in(3128, INADDR_LOOPBACK)) or die; select S; $|=1;
        print "GET http://127.0.0.1:$ARGV[0]/api/v1/tokens HTTP/1.0\\r\\n\\r\\n"; select STDOUT; print <S>' ${port}
      echo done
    `);
    expect(log).not.toMatch(/^open /m);
    expect(log).toContain("403");
    expect(log).toContain(`127.0.0.1:${port} was refused`);
    expect(log).toContain("done");
  });

  it("leaves nothing of a change in the cache of a branch", async () => {
    const poison = await attack("echo poison > /cache/poison 2>/dev/null; ls /cache; true\n");
    expect(poison.run.state).toBe("success");
    const looks = await attack('ls -la /cache; [ ! -e /cache/poison ] || [ "$JOB_TYPE" = presubmit ]\n');
    await mergeAndWait(family, "target", looks.number);
    const { items } = await family.api<{ items: { type: string; state: string }[] }>("/runs?component=target");
    expect(items.find((row) => row.type === "postsubmit")?.state).toBe("success");
  });

  it("bounds a flood of log, and says so", async () => {
    const { run, log } = await attack(
      "head -c 100000000 /dev/zero | tr '\\0' 'x' | fold -w 1000; echo the end; exit 3\n",
    );
    expect(run.state).toBe("failure");
    expect(run.description).toMatch(/bytes of log were dropped/);
    expect(log.length).toBeLessThan(70_000_000);
  });
});

describe("what a job says about itself", () => {
  it("is a claim: forged JUnit, markers and finished.json change nothing when it fails", async () => {
    const { run } = await attack(`
      echo '<testsuite name="all"><testcase name="good"/></testsuite>' > "$ARTIFACTS/junit_01.xml"
      for f in finished.json started.json marker-file.txt; do
        echo '{"passed":true,"result":"SUCCESS","timestamp":1}' > "$ARTIFACTS/$f"
        echo 0 > "$ARTIFACTS/../$f" 2>/dev/null
      done
      echo '{"passed":true,"result":"SUCCESS"}' > "$ARTIFACTS/metadata.json"
      exit 1
    `);
    expect(run.state).toBe("failure");
    const whole = await family.api<{ resultsPath: string; tests: { passed: number } }>(`/runs/${run.id}`);
    const finished = await (await fetch(`${family.url()}/results/${whole.resultsPath}/finished.json`)).text();
    expect(JSON.parse(finished)).toMatchObject({ passed: false, result: "FAILURE" });
    expect(whole.tests.passed).toBe(1);
  });

  it("is served as inert text in an origin of nobody", async () => {
    const { run } = await attack("echo '<script>alert(1)</script>' > \"$ARTIFACTS/page.html\"\n");
    const whole = await family.api<{ resultsPath: string }>(`/runs/${run.id}`);
    const page = await fetch(`${family.url()}/results/${whole.resultsPath}/artifacts/page.html`);
    expect(page.headers.get("content-type")).toContain("text/plain");
    expect(page.headers.get("content-security-policy")).toMatch(/^sandbox/);
    expect(page.headers.get("x-content-type-options")).toBe("nosniff");
  });

  it("publishes nothing through links out of its artifacts", async () => {
    const { run, log } = await attack(
      'ln -s /etc/passwd "$ARTIFACTS/passwd"; ln -s ../../.. "$ARTIFACTS/up"; mkfifo "$ARTIFACTS/pipe"\n',
    );
    const whole = await family.api<{ artifacts: { path: string }[] }>(`/runs/${run.id}`);
    expect(whole.artifacts.filter((artifact) => artifact.path.startsWith("artifacts/"))).toEqual([]);
    expect(log).toMatch(/artifact left out: passwd: it is a link/);
  });

  it("cannot take another component's image name", async () => {
    const { run } = await attack("true\n", {
      ".fairlead.yaml": "test: 'true'\nimages:\n  - name: other\n",
      Dockerfile: 'FROM scratch\nCOPY attack.sh /x\nCMD ["/x"]\n',
    });
    expect(run.state).toBe("failure");
    expect(run.description).toContain("other");
  });
});
