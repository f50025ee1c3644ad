/** Where a Config came from. */
export interface Origin {
  /** The absolute path of its file; undefined if it came from the lab's variables, or from none. */
  readonly file: string | undefined
  /** It has no file: all routes are found by labels. */
  readonly isFound?: boolean
  /** The flags and variables that replaced parts of it: `--port`, `STATIC_BACKEND`. */
  readonly overrides: readonly string[]
}

/** Writes the origin for a message: `/etc/limpet/limpet.yaml, with PORT, --workers`. */
export function formatOrigin({ file, isFound, overrides }: Origin): string {
  const source = file ?? (isFound === true ? 'labels' : 'the environment (STATIC_BACKEND, DYNAMIC_BACKEND)')
  return overrides.length === 0 ? source : `${source}, with ${overrides.join(', ')}`
}
