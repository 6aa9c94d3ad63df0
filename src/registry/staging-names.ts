const staged = /^staging\/([0-9a-z-]{1,80})\/(.{1,200})$/;

/** The run to which a repository name belongs: `staging/<run>/<image>`; `undefined` for every other. */
export function stagingRunOf(repository: string): string | undefined {
  return staged.exec(repository)?.[1];
}

/** The image's name below a run's staging names. */
export function stagedImageOf(repository: string): string | undefined {
  return staged.exec(repository)?.[2];
}
