/** Words of a script that name something a machine may lack, and the need they stand for. */
const words: readonly (readonly [RegExp, string])[] = [
  [/(^|[\s;&|(])make(\s|$)/m, "make"],
  [/(^|[\s;&|(])(go|gofmt)\s/m, "go"],
  [/(^|[\s;&|(])(docker|podman|buildah|nerdctl)\s/m, "container-engine"],
  [/(^|[\s;&|(])(kind|minikube|kubectl|helm)\s/m, "cluster"],
];

/**
 * What a script of a release configuration needs, as far as its own words tell: enough to say beforehand that it cannot
 * run here, instead of failing in the middle.
 */
export function needsOf(script: string): readonly string[] {
  const code = script.replace(/(^|\s)#[^\n]*/g, "$1");
  return words.filter(([pattern]) => pattern.test(code)).map(([, need]) => need);
}
