/** The sample family: four repositories whose builds need a POSIX shell and nothing else. Paths to contents. */

export const sampleFamily = "sample";
export const maintainer = "ann";

export interface SampleRepository {
  readonly name: string;
  readonly files: Readonly<Record<string, string>>;
}

/** A program of 150 bytes and its greeting, written byte by byte: a real image without a compiler. */
const greeterBuild = String.raw`#!/bin/sh
# Writes bin/greeter: on x86-64 a Linux program that prints its greeting, elsewhere a script that does.
set -eu
version=$PULL_BASE_REF
text="$(cat greeting.txt) from greeter $version"
mkdir -p bin
if [ "$(uname -m)" = x86_64 ]; then
  length=$((\${#text} + 1))
  size=$((151 + length))
  byte() { printf "\\$(printf %03o "$1")"; }
  {
    printf '\177ELF\002\001\001\000\000\000\000\000\000\000\000\000'
    printf '\002\000\076\000\001\000\000\000\170\000\100\000\000\000\000\000'
    printf '\100\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000'
    printf '\000\000\000\000\100\000\070\000\001\000\000\000\000\000\000\000'
    printf '\001\000\000\000\005\000\000\000\000\000\000\000\000\000\000\000'
    printf '\000\000\100\000\000\000\000\000\000\000\100\000\000\000\000\000'
    for _ in file memory; do
      byte $((size % 256)); byte $((size / 256)); printf '\000\000\000\000\000\000'
    done
    printf '\000\020\000\000\000\000\000\000'
    printf '\270\001\000\000\000\277\001\000\000\000\276\227\000\100\000\272'
    byte "$length"; printf '\000\000\000'
    printf '\017\005\270\074\000\000\000\061\377\017\005'
    printf '%s\n' "$text"
  } > bin/greeter
else
  printf '#!/bin/sh\necho "%s"\n' "$text" > bin/greeter
fi
chmod 755 bin/greeter
echo "built bin/greeter: $text"
`;

const greeterTest = String.raw`#!/bin/sh
# Runs what was built and leaves a JUnit file.
set -eu
said=$(./bin/greeter)
echo "greeter says: $said"
case "$said" in
  hello*) result= ;;
  *) result='<failure message="greeter does not say hello"/>' ;;
esac
cat > "$ARTIFACTS/junit_greeter.xml" <<XML
<testsuite name="greeter"><testcase name="says hello">$result</testcase></testsuite>
XML
[ -z "$result" ]
`;

const toolsBuild = String.raw`#!/bin/sh
set -eu
mkdir -p bin
for tool in counter sorter; do
  sed "s/@VERSION@/$PULL_BASE_REF/" "src/$tool.sh" > "bin/$tool"
  chmod 755 "bin/$tool"
done
`;

const toolsTest = String.raw`#!/bin/sh
set -eu
[ "$(printf 'b\na\n' | ./bin/sorter | head -n 1)" = a ] || { echo "sorter does not sort"; exit 1; }
[ "$(printf 'b\na\n' | ./bin/counter | tr -d ' ')" = 2 ] || { echo "counter does not count"; exit 1; }
echo "both tools work"
`;

function toolDockerfile(tool: string): string {
  return `FROM scratch\nLABEL description="the ${tool} of the sample family"\nCOPY bin/${tool} /${tool}\nENTRYPOINT ["/${tool}"]\n`;
}

export const sampleRepositories: readonly SampleRepository[] = [
  {
    name: "greeter",
    files: {
      ".fairlead.yaml": "build: ./build.sh\ntest: ./test.sh\nimages:\n  - name: greeter\n",
      Dockerfile:
        'FROM scratch\nLABEL description="says hello"\nARG binary=./bin/greeter\nCOPY ${binary} /greeter\nUSER 65532:65532\nENTRYPOINT ["/greeter"]\n',
      "build.sh": greeterBuild.replaceAll("\\${", "${"),
      "test.sh": greeterTest,
      "greeting.txt": "hello\n",
      "README.md": "# greeter\n\nSays hello. An image component.\n",
    },
  },
  {
    name: "tools",
    files: {
      ".fairlead.yaml":
        "build: ./build.sh\ntest: ./test.sh\nimages:\n  - {name: counter, dockerfile: cmd/counter/Dockerfile}\n  - {name: sorter, dockerfile: cmd/sorter/Dockerfile}\n",
      "cmd/counter/Dockerfile": toolDockerfile("counter"),
      "cmd/sorter/Dockerfile": toolDockerfile("sorter"),
      "src/counter.sh": "#!/bin/sh\n# counter @VERSION@\nwc -l\n",
      "src/sorter.sh": "#!/bin/sh\n# sorter @VERSION@\nsort\n",
      "build.sh": toolsBuild,
      "test.sh": toolsTest,
      "README.md": "# tools\n\nTwo tools, two images, one release.\n",
    },
  },
  {
    name: "shared-lib",
    files: {
      ".fairlead.yaml": "test: sh ./log.sh 'it works'\n",
      "log.sh": 'echo "$(date -u +%H:%M:%S) $*"\n',
      "README.md": "# shared-lib\n\nCopied into the others; never tagged.\n",
    },
  },
  {
    name: "example-deployment",
    files: {
      ".fairlead.yaml":
        "test: grep -q 'image: .*/greeter:v' deploy/app.yaml\nimages:\n  - name: example-deployment\npins: [deploy/*.yaml]\n",
      Dockerfile: 'FROM scratch\nCOPY deploy /deploy/\nCMD ["/deploy/app.yaml"]\n',
      "deploy/app.yaml":
        "apiVersion: v1\nkind: Pod\nmetadata: {name: app}\nspec:\n  containers:\n    - {name: greeter, image: sample/greeter:v1.0.0}\n    - {name: counter, image: sample/counter:v1.0.0}\n",
      "README.md": "# example-deployment\n\nPins exact releases of the others.\n",
    },
  },
];

/** The family file of the sample; repositories are read from `folder` by file URL. */
export function sampleFamilyFile(folder: string): string {
  const url = (name: string) => JSON.stringify(`file://${folder.split("/").map(encodeURIComponent).join("/")}/${name}`);
  return `# The sample family of \`fairlead demo\`.
family: ${sampleFamily}
forge:
  local: {}
components:
  greeter:
    repository: ${url("greeter")}
    images: [greeter]
    maintainers: [${maintainer}]
  tools:
    repository: ${url("tools")}
    images: [counter, sorter]
    maintainers: [${maintainer}]
  shared-lib:
    repository: ${url("shared-lib")}
    kind: internal      # shared by copy; never tagged
    maintainers: [${maintainer}]
  example-deployment:
    repository: ${url("example-deployment")}
    kind: deployment    # pins exact releases of the others
    images: [example-deployment]
    maintainers: [${maintainer}]
kubernetes:
  cluster: none         # tests on Kubernetes are opted out, and every page says so
`;
}
